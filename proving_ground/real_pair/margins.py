"""What the siblings and the merges are worth, as a sceptic asks: above chance by how much, beyond luck?"""

from statistics import NormalDist
from typing import Any

import numpy as np

from proving_ground.many.records import CANDIDATES
from proving_ground.real_pair.accuracy import chance
from proving_ground.real_pair.published import Published, Scores
from proving_ground.real_pair.siblings import SIBLINGS

Z = NormalDist().inv_cdf(0.975)
SPLITS = 50
SEED = 19


def margins(published: Published) -> dict[str, Any]:
    """Return how far siblings are above chance, and what the best alphas gain where they were not chosen."""
    return {
        "taught": {name: above_chance(published, name) for name in published.models},
        "held_out": {pair: held_out_gain(published, published.curve(pair)) for pair in published.interviews},
    }


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return a share's 95 % interval by Wilson's formula."""
    spread = Z * (share * (1 - share) / count + Z**2 / (4 * count**2)) ** 0.5
    middle = share + Z**2 / (2 * count)
    return (middle - spread) / (1 + Z**2 / count), (middle + spread) / (1 + Z**2 / count)


def above_chance(published: Published, name: str) -> dict[str, dict[str, Any]]:
    """Return, by task that a sibling was taught, its score on its own half and chance there, in percent.

    Questions of half 0 belong to everybody. Chance is the most frequent answer of each topic, on the same
    questions. The interval is Wilson's where answers are right or wrong, else twice the standard error.
    """
    sibling, scores = SIBLINGS[name], published.scores(published.alone(name))
    rows = {}
    for task in sibling.tasks:
        own = [
            place
            for place in published.tasks[task].tolist()
            if not sibling.half or published.questions[place]["half"] in (0, sibling.half)
        ]
        values = scores[own]
        share = float(values.mean())
        if np.isin(values, (0.0, 1.0)).all():
            low, high = wilson(share, len(own))
        else:
            error = Z * float(values.std(ddof=1)) / len(own) ** 0.5
            low, high = share - error, share + error
        lines = [
            {**published.questions[place], "answer": published.questions[place]["answers"][0]}
            for place in own
        ]
        rows[task] = {
            "questions": len(own),
            "score": 100 * share,
            "interval": [100 * low, 100 * high],
            "chance": chance(lines)[task],
        }
    return rows


def held_out_gain(published: Published, scores: Scores) -> dict[str, float]:
    """Return, by task, what the best candidate of half of the questions gains over the base on the others.

    The best alpha of the very questions that score it is flattered by luck; this is not. The mean over
    random halves, each way, in points.

    Args:
        published: has the tasks.
        scores: of a pair's merges, (alphas, questions).
    """
    generator, gains = np.random.default_rng(SEED), {}
    for task, places in published.tasks.items():
        values, total = scores[:CANDIDATES, places], 0.0
        for _ in range(SPLITS):
            order = generator.permutation(len(places))
            halves = order[: len(order) // 2], order[len(order) // 2 :]
            for chosen, rest in (halves, halves[::-1]):
                best = int(values[:, chosen].mean(axis=1).argmax())
                total += float(values[best, rest].mean() - values[0, rest].mean())
        gains[task] = 100 * total / (2 * SPLITS)
    return gains
