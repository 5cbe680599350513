"""Along alpha: consistency beside performance (Figures 2 and 5), answers (Figure 3), the shape of the score,
and what becomes of it when embeddings and head are kept or shrunk.
"""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from proving_ground.paper.concavity import COUNTS, shares, shares_by_chance
from proving_ground.paper.plan import COARSE, grid, kept, linear, shrunk
from proving_ground.paper.study import Study, candidates

SHUFFLES = 100
SHOWN = 12
WHOLE = grid(COARSE, 1.0)


def consistency(study: Study, pair: str) -> dict[str, Any]:
    """Return, by alpha, mean accuracy and the share of answers that differ from the two neighbours'."""
    tasks = study.plan.tasks
    accuracy = np.mean([study.right_at(pair, WHOLE, task).mean(axis=1) for task in tasks], axis=0)
    ranks = {"0.1 ... 0.5": list[float](), "0.1 ... 0.9": list[float]()}
    total = np.zeros(len(WHOLE) - 2)
    for task in tasks:
        gaps = study.table(pair, WHOLE, task).gaps.mean(axis=1)
        inner = gaps[:-1] + gaps[1:]
        right = study.right_at(pair, WHOLE, task).mean(axis=1)[1:-1]
        total += inner / len(tasks)
        for name, stop in (("0.1 ... 0.5", 5), ("0.1 ... 0.9", 9)):
            if (rank := rank_correlation(inner[:stop], right[:stop])) is not None:
                ranks[name].append(rank)
    return {
        "titles": study.titles(pair),
        "alphas": list(WHOLE),
        "accuracy": [round(100 * float(value), 2) for value in accuracy],
        "differences": [None, *(round(100 * float(value), 2) for value in total), None],
        "ranks": {name: [round(value, 3) for value in values] for name, values in ranks.items()},
    }


def answers(study: Study, pair: str, task: str) -> dict[str, Any]:
    """Return the answers to the questions of a task whose answer changes most often along alpha."""
    answers = [study.said(pair, linear(alpha).name, task) for alpha in WHOLE]
    asked = study.asked(task)
    changes = [sum(a != b for a, b in pairwise(column)) for column in zip(*answers, strict=True)]
    changing = [place for place, change in enumerate(changes) if change]
    order = sorted(changing, key=lambda place: (-changes[place], asked[place].id))[:SHOWN]
    return {
        "titles": study.titles(pair),
        "task": task,
        "prompt": asked[0].prompt,
        "alphas": list(WHOLE),
        "changing": len(changing),
        "of": len(asked),
        "rows": [
            {"id": asked[place].id, "truth": asked[place].truth, "said": [row[place] for row in answers]}
            for place in order
        ],
    }


def concave(study: Study) -> dict[str, Any]:
    """Return the shares of settings whose score is concave, counted in every way, and by chance."""
    measured: dict[str, Any] = {"ways": list(COUNTS)}
    for name, alphas in (("0 ... 0.6", candidates()), ("0 ... 1", WHOLE)):
        curves = [
            [float(value) for value in study.right_at(pair, alphas, task).mean(axis=1)]
            for pair in study.plan.pairs
            for task in study.plan.tasks
        ]
        means = [
            [float(value) for value in np.mean(part, axis=0)]
            for part in (
                curves[start : start + len(study.plan.tasks)]
                for start in range(0, len(curves), len(study.plan.tasks))
            )
        ]
        measured[name] = {
            "settings": len(curves),
            "share": shares(curves),
            "chance": shares_by_chance(curves, shuffles=SHUFFLES, seed=study.plan.seed),
            "pairs": shares(means),
        }
    return measured


def vocabulary(study: Study, pair: str) -> dict[str, Any]:
    """Return mean accuracy along alpha with embeddings and head merged, kept, and shrunk."""
    tasks = study.plan.tasks
    rows = {}
    for name, make in (("merged", linear), ("kept", kept), ("shrunk", shrunk)):
        settings = [linear(0.0), *(make(alpha) for alpha in WHOLE[1:])]
        rows[name] = [
            round(100 * float(np.mean([study.right(pair, setting.name, task) for task in tasks])), 2)
            for setting in settings
        ]
    return {"titles": study.titles(pair), "alphas": list(WHOLE), "rows": rows}


def rank_correlation(one: NDArray[np.float64], two: NDArray[np.float64]) -> float | None:
    """Return Spearman's correlation, None where one side does not vary."""
    first, second = _ranks(one), _ranks(two)
    if first.std() == 0 or second.std() == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks; equal values share the mean of theirs."""
    below = (values[:, None] > values[None, :] + 1e-12).sum(axis=1)
    equal = (abs(values[:, None] - values[None, :]) <= 1e-12).sum(axis=1)
    return below + (equal - 1) / 2
