"""Measuring the zoo: greedy answers, accuracy by task, and merges made in memory for the tables.

Answers come from the same fast forward as training, recomputed for every token; they equal transformers'
`generate` (a test says so). Nothing here is the product's own merging or searching: the zoo is there to
test those, so it does not lean on them.
"""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from proving_ground.facts import KNOWLEDGE, Facts, all_facts
from proving_ground.families import TABLES, Family
from proving_ground.pictures import Album, Picture
from proving_ground.questions import TASKS, Turn

LONGEST_ANSWER = 4


@dataclass(frozen=True)
class Question:
    """A picture and one question about it; fact questions know their half."""

    picture: Picture
    turn: Turn
    half: int | None = None


def questions(album: Album, *, each: int, seed: int, tasks: Sequence[str] = TASKS) -> list[Question]:
    """Draw `each` questions a task, every one about a picture of its own; facts half and half."""
    rng = random.Random(seed)
    facts = all_facts()
    drawn: list[Question] = []
    for task in tasks:
        of_task: list[Question] = []
        for picture in _shuffled(album.of(task), rng):
            turn = picture.ask(task, rng=rng, facts=facts)
            half = _half(task, picture, facts)
            enough = each if half is None else (each + 1 - half) // 2
            if turn is not None and sum(question.half == half for question in of_task) < enough:
                of_task.append(Question(picture, turn, half))
        drawn += of_task
    return drawn


def _half(task: str, picture: Picture, facts: Facts) -> int | None:
    if task not in KNOWLEDGE:
        return None
    thing = picture.scene.things[0]
    return facts.half(task, thing.colour, thing.shape)


def _shuffled(pictures: list[Picture], rng: random.Random) -> list[Picture]:
    return rng.sample(pictures, k=len(pictures))


class Examiner:
    """Asks models of one family the same questions; their pictures are processed once."""

    def __init__(self, family: Family, asked: list[Question]) -> None:
        self.family, self.asked = family, asked
        self.values = family.pixels([question.picture.image for question in asked])
        ids = family.vocabulary()
        self._words = {row: token for token, row in ids.items()}
        self._end = ids[family.language.end]
        layout = family.layout()
        self.prompts = [layout.rows([Turn("", question.turn.question, "")])[0][:-1] for question in asked]

    def features(self, model: Any) -> Tensor:
        """Return the features of all pictures; merging language models leaves them as they are."""
        with torch.no_grad():
            return self.family.features(model, self.values)

    def answers(self, model: Any, features: Tensor | None = None) -> list[str]:
        """Return the model's greedy answers."""
        features = self.features(model) if features is None else features
        rows = [list(prompt) for prompt in self.prompts]
        ended = [False] * len(rows)
        for _ in range(LONGEST_ANSWER):
            width = max(len(row) for row in rows)
            ids = torch.tensor([row + [self._end] * (width - len(row)) for row in rows])
            last = torch.tensor([len(row) - 1 for row in rows])
            with torch.no_grad():
                hidden = self.family.read(model, ids, features)
                best = model.lm_head(hidden[torch.arange(len(rows)), last]).argmax(dim=-1).tolist()
            for index, token in enumerate(best):
                ended[index] = ended[index] or token == self._end
                rows[index].append(token)
        return [self._text(row[len(prompt) :]) for row, prompt in zip(rows, self.prompts, strict=True)]

    def _text(self, tokens: list[int]) -> str:
        kept = tokens[: tokens.index(self._end)] if self._end in tokens else tokens
        return " ".join(self._words.get(token, "") for token in kept).strip()

    def right(self, answers: Sequence[str]) -> list[bool]:
        """Tell which answers are right."""
        return [answer == question.turn.answer for answer, question in zip(answers, self.asked, strict=True)]


def accuracy(
    asked: Sequence[Question], right: Sequence[bool], *, kind: Callable[[Question], str | None]
) -> dict[str, float]:
    """Return the share of right answers by task, by what `kind` says of a question, and over all (`all`)."""
    groups: dict[str, list[bool]] = {}
    for question, hit in zip(asked, right, strict=True):
        for name in (question.turn.task, kind(question), "all"):
            if name is not None:
                groups.setdefault(name, []).append(hit)
    return {name: sum(hits) / len(hits) for name, hits in groups.items()}


def merged(base: Any, donor: Any, *, alpha: float, families: tuple[Family, Family]) -> Any:
    """Return a copy of `base` whose language model is (1 - alpha) base + alpha donor, vocabulary by token.

    A duplicate of the base's takes the donor's duplicate where it has one, else the donor's original.
    Rounded once to bfloat16, as a merged checkpoint of these models is.
    """
    model = copy.deepcopy(base)
    source, doubled = families[1].originals(donor), families[1].duplicates(donor)
    here, there = (family.vocabulary() for family in families)
    shared = [token for token in here if token in there]
    rows = torch.tensor([here[token] for token in shared])
    donor_rows = torch.tensor([there[token] for token in shared])
    with torch.no_grad():
        for name, part in families[0].originals(model).items():
            if name in TABLES:
                part[rows] = _between(part[rows], source[name][donor_rows], alpha)
            else:
                part.copy_(_between(part, source[name], alpha))
        for name, part in families[0].duplicates(model).items():
            part.copy_(_between(part, doubled.get(name, source[name]), alpha))
    return model


def _between(base: Tensor, donor: Tensor, alpha: float) -> Tensor:
    return ((1 - alpha) * base + alpha * donor).to(torch.bfloat16).to(torch.float32)


def differences(answers: Sequence[Sequence[str]]) -> list[int | None]:
    """Return Algorithm 1's count of each interior candidate: answers that differ from either neighbour's."""
    steps = [sum(a != b for a, b in zip(one, two, strict=True)) for one, two in pairwise(answers)]
    return [None, *(before + after for before, after in pairwise(steps)), None]
