"""How the choice is made: with labels or without (Table 8), by which metric and how many inputs (Table 3),
among how many candidates (Figure 4).

Where 100 of the questions are drawn to choose by, scores are those of the questions that the draw leaves, so
that no choice is scored on labels it has seen; they are means over the draws.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proving_ground.paper.plan import COARSE, FINE, MIDDLE, SEARCHED, grid, ties_weights, weighted_ties
from proving_ground.paper.study import Right, Rows, Rule, Study, candidates, choose, default_rule, left

Shares = NDArray[np.float64]


def supervision(study: Study, pair: str) -> dict[str, Any]:
    """Table 8: rows of scores a task, in percent, on the questions that a draw leaves."""
    rows: dict[str, list[float]] = {}
    for task in study.plan.tasks:
        columns = study.draws(task)
        linear = study.right_at(pair, candidates(), task)
        ties = np.array(
            [
                study.right(pair, name, task)
                for name in ("ties", *(weighted_ties(a).name for a in ties_weights()))
            ]
        )
        chosen = {
            "AdaMMS, no labels": (linear, choose(study.table(pair, candidates(), task), columns, Rule())),
            "linear, drawn labels": (linear, _labelled(linear, columns)),
            "linear, all labels": (linear, _with_all(linear, columns)),
            "TIES, weights 1 and 1": (ties, np.zeros(len(columns), dtype=np.int64)),
            "TIES, drawn labels": (ties, _labelled(ties, columns)),
            "TIES, all labels": (ties, _with_all(ties, columns)),
        }
        if default_rule() != Rule():
            rows_of = choose(study.table(pair, candidates(), task), columns, default_rule())
            chosen[f"the present default ({default_rule().title})"] = (linear, rows_of)
        for name, (right, taken) in chosen.items():
            rows.setdefault(name, []).append(_mean(left(right, columns), taken))
    return {"titles": study.titles(pair), "tasks": list(study.plan.tasks), "rows": rows}


def metrics(study: Study) -> dict[str, Any]:
    """Table 3 over all pairs: mean accuracy by metric and inputs, and how often the choice is the same."""
    names = {"exact match": False, "embedding": True}
    scores: dict[str, list[float]] = {}
    same: dict[str, list[float]] = {}
    for pair in study.plan.pairs:
        for task in study.plan.tasks:
            right = study.right_at(pair, candidates(), task).mean(axis=1)
            every = study.draws(task, size=study.plan.each)[:1]
            rows = {}
            for name, embedded in names.items():
                table = study.table(pair, candidates(), task, embedded=embedded)
                rows[f"{name}, all inputs"] = choose(table, every, Rule())
                rows[f"{name}, {study.plan.samples} inputs"] = choose(table, study.draws(task), Rule())
            reference = rows["exact match, all inputs"][0]
            for name, taken in rows.items():
                scores.setdefault(name, []).append(float(100 * right[taken].mean()))
                same.setdefault(name, []).append(float((taken == reference).mean()))
    return {
        name: {"score": _round(scores[name]), "same": round(100 * float(np.mean(same[name])), 1)}
        for name in scores
    }


def granularity(study: Study, pair: str) -> dict[str, Any]:
    """Figure 4: what a finer grid chooses, and what the best candidate of it would give."""
    steps = {}
    for step in (COARSE, MIDDLE, FINE):
        alphas = grid(step, SEARCHED)
        scores, best, chosen = [], [], []
        for task in study.plan.tasks:
            right = study.right_at(pair, alphas, task).mean(axis=1)
            rows = choose(study.table(pair, alphas, task), study.draws(task), Rule())
            scores.append(float(100 * right[rows].mean()))
            best.append(float(100 * right.max()))
            chosen += [alphas[row] for row in rows]
        steps[f"{step:g}"] = {
            "candidates": len(alphas),
            "score": _round(scores),
            "best": _round(best),
            "alpha": round(float(np.mean(chosen)), 3),
            "curve": {
                f"{alpha:g}": round(
                    100 * float(np.mean([study.right_at(pair, [alpha], task) for task in study.plan.tasks])),
                    2,
                )
                for alpha in alphas
            },
        }
    return {"titles": study.titles(pair), "steps": steps}


def _labelled(right: Right, columns: Rows) -> Rows:
    """The candidate with most right answers among those drawn; of equal ones the first."""
    return right[:, columns].sum(axis=2).argmax(axis=0)


def _with_all(right: Right, columns: Rows) -> Rows:
    return np.full(len(columns), right.sum(axis=1).argmax())


def _mean(shares: Shares, rows: Rows) -> float:
    return round(100 * float(shares[np.arange(len(rows)), rows].mean()), 2)


def _round(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 2)
