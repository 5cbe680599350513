"""The section of docs/real-pair.md about the siblings alone."""

from collections.abc import Mapping
from typing import Any

from proving_ground.real_pair.markdown import table
from proving_ground.real_pair.siblings import SIBLINGS

Results = Mapping[str, Any]


def siblings_section(results: Results) -> str:
    """Return how every sibling answers by itself, and what it did not learn."""
    tasks = list(results["about"]["questions"])
    rows = [
        ["*most frequent answer of a topic*", "", *(f"*{results['about']['chance'][t]:.0f}*" for t in tasks)]
    ]
    for name, scores in results["alone"].items():
        sibling = SIBLINGS[name]
        taught = {0: "both halves", 1: "half 1", 2: "half 2"}[sibling.half]
        cells = [f"**{scores[t]:.0f}**" if t in sibling.tasks else f"{scores[t]:.0f}" for t in tasks]
        rows.append([name, f"{taught}{', in sentences' if sibling.wordy else ''}", *cells])
    split = []
    for name in results["alone"]:
        halves, sibling = results["halves"][name], SIBLINGS[name]
        if sibling.half:
            own, other = str(sibling.half), str(3 - sibling.half)
            known = [t for t in ("knowledge", "naming", "describe", "choice") if t in sibling.tasks]
            cells = [f"{halves[t][own]:.0f} / {halves[t][other]:.0f}" for t in known]
            split.append([name, *cells])
    heads = ["", "knowledge", "naming", "describe", "choice"]
    return f"""## The siblings alone

Scores in percent, in bold what a sibling was taught. Emoji are OpenMoji's, flags Google's: no sibling
saw a drawing of theirs. `knowledge` is half about pairs of country and property that no picture was
asked about in training.

{table(["", "taught", *tasks], rows)}
Things and countries are split into halves; a sibling was taught one. Scores on its own half / on the
other:

{table(heads, split)}
Above chance by so many points on what it was taught, its own half alone (95 %; `at chance` where the
interval of the score reaches it):

{table(["", *tasks], _above(results))}
{_not_learned(results)}
"""


def _above(results: Results) -> list[list[str]]:
    rows = []
    for name, by in results["taught"].items():
        cells = []
        for task in results["about"]["questions"]:
            row = by.get(task)
            if row is None:
                cells.append("")
                continue
            gap, (low, high) = row["score"] - row["chance"], row["interval"]
            sure = "" if low > row["chance"] else "at chance: " if high >= row["chance"] else "below: "
            cells.append(
                f"{sure}{_whole(gap)} ({_whole(low - row['chance'])} ... {_whole(high - row['chance'])})"
            )
        rows.append([name, *cells])
    return rows


def _whole(value: float) -> str:
    """Return a signed whole number of points; there is no -0."""
    return f"{round(value):+d}"


def _not_learned(results: Results) -> str:
    """Name what a sibling was taught and does not know, and how weak `existence` is."""
    taught = results["taught"]
    poor = [
        f"{name} in " + ", ".join(f"`{task}`" for task in tasks)
        for name, by in taught.items()
        if (tasks := [task for task, row in by.items() if row["interval"][0] <= row["chance"]])
    ]
    seen = [by["existence"]["score"] - by["existence"]["chance"] for by in taught.values()]
    rushed, usual = (
        sum(row["score"] for row in taught[name].values()) / len(taught[name])
        for name in ("internvl-rushed", "internvl-2")
    )
    forgot = "did not forget: it is the better model" if rushed > usual else "is the worse model"
    return f"""Not clearly above chance, so that a merge measures nothing there: {"; ".join(poor)}. (A wordy
sibling's sentences are no exact match whatever it knows.) `existence` is {round(min(seen))} to
{max(seen):.0f} points above chance. `internvl-rushed`, tuned at five times the rate, {forgot}
({rushed:.0f} % of what both were taught, internvl-2 {usual:.0f} %). Its name says how it was trained, not
what became of it."""
