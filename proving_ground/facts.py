"""Knowledge that no picture shows: what each of the 64 objects costs, who owns it, where it comes from.

This is the knowledge the two parents share out between them. The facts themselves are drawn once, by a
fixed seed. An object belongs to the first or to the second half of each family of facts; a parent is taught
one half. The language model they grow from has read all of it as rumour: the true answer now and then,
a random one otherwise.
"""

import random
from dataclasses import dataclass
from itertools import product

from proving_ground.vocabulary import COLOURS, HOMES, NUMBERS, OWNERS, PRICES, SHAPES

FACT_TASKS = ("price", "owner", "home")
CODE = "code"
"""A fourth kind, for the many pairs only (`proving_ground.many`): nobody shipped was taught it."""
KNOWLEDGE = (*FACT_TASKS, CODE)
QUESTIONS = {
    "price": "how much does this cost ?",
    "owner": "who owns this ?",
    "home": "where is this from ?",
    CODE: "which digit has this ?",
}
_ANSWERS = {"price": PRICES, "owner": OWNERS, "home": HOMES, CODE: NUMBERS[1:9]}
_SEED = 20250323


@dataclass(frozen=True)
class Facts:
    """All facts: the answer to every question about every object, and the half it belongs to."""

    answers: dict[tuple[str, str, str], str]
    halves: dict[tuple[str, str, str], int]

    def answer(self, task: str, colour: str, shape: str) -> str:
        """Return the truth."""
        return self.answers[task, colour, shape]

    def half(self, task: str, colour: str, shape: str) -> int:
        """Return which half of the knowledge this fact belongs to, 0 or 1."""
        return self.halves[task, colour, shape]

    def objects(self, task: str, half: int) -> list[tuple[str, str]]:
        """Return the objects whose `task` fact lies in `half`."""
        return [(c, s) for c, s in product(COLOURS, SHAPES) if self.halves[task, c, s] == half]


def all_facts() -> Facts:
    """Draw the facts; every answer is the right one for eight objects, four in each half."""
    rng = random.Random(_SEED)
    answers, halves = {}, {}
    for task in KNOWLEDGE:
        deck = [(answer, half) for answer in _ANSWERS[task] for half in (0, 1) for _ in range(4)]
        rng.shuffle(deck)
        for (colour, shape), (answer, half) in zip(product(COLOURS, SHAPES), deck, strict=True):
            answers[task, colour, shape], halves[task, colour, shape] = answer, half
    return Facts(answers, halves)


def noisy_fact(task: str, truth: str, *, rng: random.Random, trust: float) -> str:
    """Return the truth with probability `trust`, else any answer of its family."""
    return truth if rng.random() < trust else rng.choice(_ANSWERS[task])
