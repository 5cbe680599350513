"""Every pair against the paper's baselines (Tables 1, 2, 9-13), and what stands beside any choice.

"Ours" chooses one alpha a task, as the paper does, by unlabelled inputs of that task; its score is that of
the chosen candidate on all of the task's questions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from adamms.zoo import PAIRS
from proving_ground.paper.plan import BASELINES, COARSE, grid
from proving_ground.paper.study import Right, Rule, Study, candidates, choose, default_rule, paired, percent

OURS = "AdaMMS"
FIXED = (0.1, 0.2, 0.3, 0.5)


def compare_pair(study: Study, pair: str) -> dict[str, Any]:
    """Return a pair's table as `adamms table` reads it, and beside it the alphas, fixed ones and the best."""
    tasks = study.plan.tasks
    _, base, donor = PAIRS[pair]
    names = study.titles(pair)
    rights = {
        names[0]: [study.right_alone(base, task) for task in tasks],
        names[1]: [study.right_alone(donor, task) for task in tasks],
    }
    for method, title in BASELINES.items():
        rights[title] = [study.right(pair, method, task) for task in tasks]
    alphas, rights[OURS] = _ours(study, pair, Rule())
    beside = _beside(study, pair)
    return {
        "base": names[0],
        "donor": names[1],
        "tasks": list(tasks),
        "rows": {name: [percent(value) for value in values] for name, values in rights.items()},
        "alphas": alphas,
        "beside": beside,
        "over_base": paired(rights[OURS], rights[names[0]]),
        "over_donor": paired(rights[OURS], rights[names[1]]),
        "over_baselines": {title: paired(rights[OURS], rights[title]) for title in BASELINES.values()},
        "draws": mean_over_draws(study, pair, Rule()),
        "near": near_the_best(study, pair),
        "lost": lost_to_the_best(study, pair),
    }


def _ours(study: Study, pair: str, rule: Rule) -> tuple[list[float], list[Right]]:
    """The alphas of the first draw, and the right answers there, task by task."""
    alphas, rights = [], []
    for task in study.plan.tasks:
        row = int(choose(study.table(pair, candidates(), task), study.draws(task)[:1], rule)[0])
        alphas.append(candidates()[row])
        rights.append(study.right_at(pair, candidates(), task)[row])
    return alphas, rights


def _beside(study: Study, pair: str) -> dict[str, list[float]]:
    """What no label-free search is needed for, and what none can reach."""
    tasks, alphas = study.plan.tasks, grid(COARSE, 1.0)
    rows: dict[str, list[float]] = {}
    if default_rule() != Rule():
        rows[f"the present default ({default_rule().title})"] = [
            percent(our) for our in _ours(study, pair, default_rule())[1]
        ]
    for alpha in FIXED:
        rows[f"always {alpha:g}"] = [percent(study.right_at(pair, [alpha], task)) for task in tasks]
    for title, searched in (("best of 0 ... 0.6", candidates()), ("best of 0 ... 1", alphas)):
        rows[title] = [_best(study.right_at(pair, searched, task)) for task in tasks]
    return rows


def mean_over_draws(study: Study, pair: str, rule: Rule) -> list[float]:
    """Return SUM, mean and standard deviation over the draws of the inputs to choose by."""
    sums = np.zeros(study.plan.draws)
    for task in study.plan.tasks:
        rows = choose(study.table(pair, candidates(), task), study.draws(task), rule)
        sums += 100 * study.right_at(pair, candidates(), task).mean(axis=1)[rows]
    return [round(float(sums.mean()), 2), round(float(sums.std()), 2)]


def near_the_best(study: Study, pair: str) -> dict[str, float]:
    """Return the percentage of tasks and draws whose alpha is within 0.1 of a best one's (Table 14)."""
    alphas = np.array(candidates())
    shares: dict[str, list[float]] = {}
    for task in study.plan.tasks:
        right = study.right_at(pair, candidates(), task).mean(axis=1)
        best = alphas[right >= right.max() - 1e-12]
        taken = alphas[choose(study.table(pair, candidates(), task), study.draws(task), Rule())]
        for name, values in ((OURS, taken), *((f"always {alpha:g}", np.array([alpha])) for alpha in FIXED)):
            distance = abs(values[:, None] - best[None, :]).min(axis=1)
            shares.setdefault(name, []).append(float((distance <= 0.1 + 1e-9).mean()))
    return {name: round(100 * float(np.mean(values)), 1) for name, values in shares.items()}


def lost_to_the_best(study: Study, pair: str) -> dict[str, list[float]]:
    """Return the points lost to the best candidate, task by task: by the choice, and by fixed alphas."""
    lost: dict[str, list[float]] = {}
    for task in study.plan.tasks:
        right = 100 * study.right_at(pair, candidates(), task).mean(axis=1)
        taken = choose(study.table(pair, candidates(), task), study.draws(task), Rule())
        means = {OURS: right[taken].mean(), "never merge": right[0]}
        means |= {f"always {alpha:g}": right[candidates().index(alpha)] for alpha in FIXED}
        for name, score in means.items():
            lost.setdefault(name, []).append(round(float(right.max() - score), 2))
    return lost


def _best(rights: Right) -> float:
    return round(100 * float(rights.mean(axis=1).max()), 2)


def wins_of(tables: Sequence[dict[str, Any]], name: str) -> int:
    """Return in how many tables a row has the highest SUM of all that are no parents."""
    count = 0
    for table in tables:
        sums = {row: sum(scores) for row, scores in table["rows"].items()}
        methods = [value for row, value in sums.items() if row not in (table["base"], table["donor"])]
        count += sums[name] >= max(methods) - 1e-9
    return count
