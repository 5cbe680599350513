"""What the results say about each claim of the paper, in sentences whose numbers and verdicts are computed.

A verdict is "as in the paper", "not here" or "in part", by the condition that stands beside it. The paper's
own benchmark figures are not repeated; only the share that its authors report for concavity is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from proving_ground.facts import FACT_TASKS
from proving_ground.paper.comparison import OURS, wins_of
from proving_ground.paper.plan import BASELINES, SEARCHED

Results = Mapping[str, Any]
REPORTED = 62.75
LATE, LEFT = 0.9, 0.75
"""Where a collapse is looked for (at alpha 1 nothing of a shrunk vocabulary is left), and what is one."""

AGREES, NOT, PART = "as in the paper", "not here", "in part"


@dataclass(frozen=True)
class Reading:
    """A claim of the paper, what was found here, and the verdict."""

    claim: str
    found: str
    verdict: str


def readings(results: Results) -> list[Reading]:
    """Return one reading a claim."""
    every = [_against_baselines, _against_parents, _near, _supervision, _metrics, _granularity]
    every += [_consistency, _concavity, _collapse]
    return [reading for read in every if (reading := read(results)) is not None]


def where_it_loses(results: Results) -> str:
    """Return where the rule's choice costs points: on facts, which the parents share out, or elsewhere."""
    tables = results["comparison"].values()
    facts = np.array([task in FACT_TASKS for task in results["about"]["tasks"]])
    parts = {}
    for name in (OURS, "never merge"):
        every = np.array([table["lost"][name] for table in tables]).mean(axis=0)
        parts[name] = [f"{every[which].mean():.1f}" if which.any() else "no" for which in (facts, ~facts)]
    ours, never = parts[OURS], parts["never merge"]
    return (
        f"The rule's choice loses {ours[0]} points to the best alpha on the facts, of which each parent "
        f"knows a part (never merging {never[0]}), and {ours[1]} on the other tasks (never merging "
        f"{never[1]})."
    )


def mean_of(comparison: Mapping[str, Any], name: str) -> float:
    """Return a row's mean over the tasks, in percent, whether ranked or beside."""
    scores = comparison["rows"].get(name) or comparison["beside"][name]
    return sum(scores) / len(scores)


def _against_baselines(results: Results) -> Reading:
    tables = list(results["comparison"].values())
    won = wins_of(tables, OURS)
    means = {
        name: np.mean([mean_of(table, name) for table in tables]) for name in (OURS, *BASELINES.values())
    }
    second = max(BASELINES.values(), key=lambda name: means[name])
    sure = sum(
        table["over_baselines"][second][0] > 2 * table["over_baselines"][second][1] for table in tables
    )
    return Reading(
        "AdaMMS has the highest SUM of the merging methods",
        f"in {won} of {len(tables)} directions; mean accuracy over all {means[OURS]:.1f} %, the best "
        f"baseline ({second}, at its own default settings) {means[second]:.1f} %; ahead of that one by more "
        f"than two standard errors in {sure} of them",
        _verdict(won, len(tables)),
    )


def _against_parents(results: Results) -> Reading:
    tables = list(results["comparison"].values())
    base = sum(table["over_base"][0] > 2 * table["over_base"][1] for table in tables)
    donor = sum(table["over_donor"][0] > 0 and table["over_base"][0] > 0 for table in tables)
    worse = sum(table["over_base"][0] < 0 for table in tables)
    return Reading(
        "a merge is better than its parents",
        f"SUM above both parents in {donor} of {len(tables)} directions; above the base by more than two "
        f"standard errors in {base}, below it in {worse}",
        _verdict(donor, len(tables)),
    )


def _near(results: Results) -> Reading:
    tables = list(results["comparison"].values())
    ours = np.mean([table["near"][OURS] for table in tables])
    fixed = {
        name: float(np.mean([table["near"][name] for table in tables]))
        for name in tables[0]["near"]
        if name != OURS
    }
    best = max(fixed, key=lambda name: fixed[name])
    count = len(results["about"]["tasks"])
    lost = {
        name: np.mean([mean_of(table, "best of 0 ... 0.6") - mean_of(table, name) for table in tables])
        for name in fixed
    }
    own = np.mean([mean_of(table, "best of 0 ... 0.6") - table["draws"][0] / count for table in tables])
    cheapest = min(lost, key=lambda name: lost[name])
    return Reading(
        "the chosen alpha is the best one or next to it, without labels",
        f"within 0.1 of a best candidate in {ours:.0f} % of tasks and draws ({best}: {fixed[best]:.0f} %); "
        f"{own:.1f} points below the best candidate of each task, {cheapest} {lost[cheapest]:.1f}",
        AGREES if own < lost[cheapest] and ours > fixed[best] else PART if own < lost[cheapest] else NOT,
    )


def _supervision(results: Results) -> Reading | None:
    tables = list(results["supervision"].values())
    if not tables:
        return None
    parts, better = [], 0
    for table in tables:
        means = {name: sum(scores) / len(scores) for name, scores in table["rows"].items()}
        ours, labelled = means["AdaMMS, no labels"], means["TIES, drawn labels"]
        better += ours >= labelled
        parts.append(
            f"{' <- '.join(table['titles'])}: {ours:.1f} %, TIES with labels {labelled:.1f} %, "
            f"linear with labels {means['linear, drawn labels']:.1f} %"
        )
    return Reading(
        "without labels it does as well as TIES whose coefficient is chosen with labels",
        "; ".join(parts),
        _verdict(better, len(tables)),
    )


def _metrics(results: Results) -> Reading | None:
    metrics = results["metrics"]
    if metrics is None:
        return None
    scores = {name: metric["score"] for name, metric in metrics.items()}
    spread = max(scores.values()) - min(scores.values())
    return Reading(
        "100 inputs do as well as all, embeddings as well as exact match",
        f"the four means lie within {spread:.2f} points "
        f"({', '.join(f'{name} {score:.1f} %' for name, score in scores.items())})",
        AGREES if spread < 1 else NOT,
    )


def _granularity(results: Results) -> Reading | None:
    parts, fine = [], 0
    for result in results["granularity"].values():
        scores = {step: measured["score"] for step, measured in result["steps"].items()}
        fine += max(scores.values()) - scores["0.1"] < 1
        parts.append(f"{' <- '.join(result['titles'])}: {_listed(scores)}")
    return (
        Reading(
            "a granularity of 0.1 is enough",
            "; ".join(parts) + " (mean accuracy of what is chosen)",
            _verdict(fine, len(parts)),
        )
        if parts
        else None
    )


def _consistency(results: Results) -> Reading:
    pairs = list(results["consistency"].values())
    means = {}
    for span in pairs[0]["ranks"]:
        values = [value for pair in pairs for value in pair["ranks"][span]]
        means[span] = (float(np.mean(values)), sum(value < 0 for value in values), len(values))
    mean, below, count = means["0.1 ... 0.5"]
    near, lost = _pooled(pairs)
    return Reading(
        "where answers change least, the score is highest",
        "rank correlation of changing answers and accuracy over a task's candidates, which should be "
        "negative: "
        + "; ".join(
            f"alpha {span}: mean {value:+.2f}, negative in {under} of {of} tasks"
            for span, (value, under, of) in means.items()
        )
        + f". With all tasks of a pair taken together: within 0.1 of the pair's best alpha in {near} of "
        f"{len(pairs)} pairs, {lost:.1f} points below it",
        AGREES if below > 0.75 * count else PART if mean < 0 else NOT,
    )


def _pooled(pairs: Sequence[Mapping[str, Any]]) -> tuple[int, float]:
    """One alpha a pair, where the answers of all tasks change least: how often near the best, points lost."""
    near, lost = 0, list[float]()
    for pair in pairs:
        inner = [place for place, alpha in enumerate(pair["alphas"]) if 0 < alpha < SEARCHED - 1e-9]
        taken = min(inner, key=lambda place: pair["differences"][place])
        searched = [place for place, alpha in enumerate(pair["alphas"]) if alpha <= SEARCHED + 1e-9]
        best = max(pair["accuracy"][place] for place in searched)
        spots = [place for place in searched if pair["accuracy"][place] == best]
        near += min(abs(place - taken) for place in spots) <= 1
        lost.append(best - pair["accuracy"][taken])
    return near, float(np.mean(lost))


def _concavity(results: Results) -> Reading:
    measured = results["concavity"]["0 ... 0.6"]
    share, chance = (
        {name: 100 * value for name, value in measured[key].items()} for key in ("share", "chance")
    )
    way = "around its best"
    return Reading(
        f"the score is concave around its best (authors: {REPORTED} % of settings)",
        f"{share[way]:.0f} % of {measured['settings']} tasks of pairs ({chance[way]:.0f} % if a task's "
        f"scores stood in random order); other ways of counting give {share['everywhere']:.0f} to "
        f"{share['at its best']:.0f} %",
        AGREES if share[way] >= REPORTED else PART if share[way] > chance[way] else NOT,
    )


def _collapse(results: Results) -> Reading | None:
    parts, fell = [], []
    for result in results["vocabulary"].values():
        late = result["alphas"].index(LATE)
        start, ends = result["rows"]["merged"][0], {name: row[late] for name, row in result["rows"].items()}
        fell += [name for name, score in ends.items() if score < LEFT * start]
        parts.append(f"{' <- '.join(result['titles'])}, from {start:.1f} % to {_listed(ends)}")
    if not parts:
        return None
    kinds = " and ".join(dict.fromkeys(fell)) or "none"
    return Reading(
        "scores collapse at alpha 0.7 and more",
        f"at alpha {LATE:g}, with embeddings and head merged, kept, or shrunk as the published Qwen script "
        f"does: {'; '.join(parts)}; a quarter of the accuracy at alpha 0 is lost by: {kinds}",
        _verdict(fell.count("merged"), len(parts)),
    )


def _verdict(count: int, of: int) -> str:
    return AGREES if count == of else NOT if count * 2 < of else PART


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f} %" for name, value in values.items())
