"""One pair's interview: every alpha answers every question, then the candidates rate each other's answers.

Merges are the zoo's own (`measuring.merged`), rounded to bfloat16 as a merged checkpoint is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

from proving_ground.families import Family
from proving_ground.inputs import identifiers
from proving_ground.many.asking import Interviewer, Said
from proving_ground.many.records import CANDIDATES, Asked, Header, Interview
from proving_ground.measuring import Question, merged

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Parents:
    """Base and donor as models, each with its family."""

    base: Any
    donor: Any
    families: tuple[Family, Family]

    def merge(self, alpha: float) -> Any:
        """Return the merge with this weight of the donor."""
        return merged(self.base, self.donor, alpha=alpha, families=self.families)


def interview(
    parents: Parents, asked: Sequence[Question], *, header: Callable[[list[float]], Header]
) -> Interview:
    """Ask all merges of a pair, and the donor alone."""
    here, there = (Interviewer(family, asked, half=True) for family in parents.families)
    features = here.features(parents.base)
    given: list[list[Said]] = []
    for alpha in ALPHAS:
        given.append(here.answers(parents.merge(alpha), features, drafts=given[-1] if given else None))
    alone = there.answers(parents.donor, there.features(parents.donor))
    said = [_different(here, [answers[index] for answers in given]) for index in range(len(asked))]
    rated = _ratings(parents, here, features=features, said=said, given=given)
    records = []
    for index, (name, question) in enumerate(zip(identifiers(asked), asked, strict=True)):
        texts = list(said[index])
        own = there.text(alone[index].tokens)
        texts += [own] if own not in texts else []
        answers = [each[index] for each in given]
        records.append(
            Asked(
                id=name,
                task=question.turn.task,
                truth=question.turn.answer,
                said=texts,
                given=[texts.index(here.text(answer.tokens)) for answer in answers],
                alone=texts.index(own),
                confidence=[answer.confidence for answer in (*answers, alone[index])],
                entropy=[answer.entropy for answer in answers[:CANDIDATES]],
                likelihood=rated[index],
            )
        )
    return Interview(header(list(ALPHAS)), records)


def _different(interviewer: Interviewer, answers: Sequence[Said]) -> dict[str, Said]:
    """Return the different answers by their text, in the order of their first alpha."""
    found: dict[str, Said] = {}
    for answer in answers:
        found.setdefault(interviewer.text(answer.tokens), answer)
    return found


def _ratings(
    parents: Parents,
    interviewer: Interviewer,
    *,
    features: Any,
    said: Sequence[dict[str, Said]],
    given: Sequence[Sequence[Said]],
) -> list[list[list[float]]]:
    """Return, by question and answer, the log-probability of the answer under each candidate.

    Of its own answer a candidate has said it already; only those of the others are read.
    """
    rows: list[list[list[float]]] = []
    for index, texts in enumerate(said):
        mine = [answers[index] for answers in given[:CANDIDATES]]
        spoken = [interviewer.text(answer.tokens) for answer in mine]
        rows.append(
            [
                [own.log_likelihood if text == word else nan for own, word in zip(mine, spoken, strict=True)]
                for text in texts
                if text in spoken
            ]
        )
    for place, alpha in enumerate(ALPHAS[:CANDIDATES]):
        wanted = [
            (index, number, answer.tokens)
            for index, texts in enumerate(said)
            for number, answer in enumerate(list(texts.values())[: len(rows[index])])
            if isnan(rows[index][number][place])
        ]
        read = interviewer.log_likelihoods(
            parents.merge(alpha), features, [(index, tokens) for index, _, tokens in wanted]
        )
        for (index, number, _), value in zip(wanted, read, strict=True):
            rows[index][number][place] = value
    return rows
