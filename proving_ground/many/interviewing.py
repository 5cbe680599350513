"""One pair's interview: every alpha answers every question, then the models rate each other's answers.

Merges are the zoo's own (`measuring.merged`), rounded to bfloat16 as a merged checkpoint is. Beside the
candidates two witnesses rate the answers: the donor with its own tower, and theta_0's language model behind
the base's.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import torch

from proving_ground.families import TABLES, Family
from proving_ground.inputs import identifiers
from proving_ground.many.asking import Interviewer, Said
from proving_ground.many.records import CANDIDATES, Asked, Header, Interview
from proving_ground.measuring import LONGEST_ANSWER, Question, merged
from proving_ground.wording import short_form

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Parents:
    """Base and donor as models, each with its family, and the language model they grew from."""

    base: Any
    donor: Any
    families: tuple[Family, Family]
    theta_0: Any = None

    def merge(self, alpha: float) -> Any:
        """Return the merge with this weight of the donor."""
        return merged(self.base, self.donor, alpha=alpha, families=self.families)

    def ancestor(self) -> Any:
        """Return theta_0's language model behind the base's tower, rounded to bfloat16.

        Rows of the vocabulary that theta_0 has no tokens for stay the base's.
        """
        model, family = copy.deepcopy(self.base), self.families[0]
        theta = dict(self.theta_0.named_parameters())
        rows = len(family.language.tokens)
        with torch.no_grad():
            originals = family.originals(model)
            for name, part in (*originals.items(), *family.duplicates(model).items()):
                target, source = (part[:rows], theta[name][:rows]) if name in TABLES else (part, theta[name])
                target.copy_(source.to(torch.bfloat16))
        return model


def interview(
    parents: Parents,
    asked: Sequence[Question],
    *,
    header: Callable[[list[float]], Header],
    longest: int | None = None,
) -> Interview:
    """Ask all merges of a pair, and the donor alone.

    Args:
        parents: the pair; without a theta_0 nobody is asked for its opinion.
        asked: the questions.
        header: makes the header from the alphas.
        longest: how many tokens an answer may have where a parent answers in sentences; answers then count
            as right by their short form.
    """
    here, there = (
        Interviewer(family, asked, half=True, longest=longest or LONGEST_ANSWER)
        for family in parents.families
    )
    features, donor_features = here.features(parents.base), there.features(parents.donor)
    given: list[list[Said]] = []
    for alpha in ALPHAS:
        given.append(here.answers(parents.merge(alpha), features, drafts=given[-1] if given else None))
    alone = there.answers(parents.donor, donor_features)
    differing = [
        _different(here, [answers[index] for answers in given], there, alone[index])
        for index in range(len(asked))
    ]
    rated = _ratings(parents, here, features=features, said=differing, given=given)
    by_donor = _rating(
        there,
        parents.donor,
        donor_features,
        [[there.translate(a, here) for a in texts.values()] for texts in differing],
    )
    by_ancestor = (
        [[] for _ in asked]
        if parents.theta_0 is None
        else _rating(here, parents.ancestor(), features, [list(texts.values()) for texts in differing])
    )
    records = []
    for index, (name, question) in enumerate(zip(identifiers(asked), asked, strict=True)):
        texts = list(differing[index])
        answers = [responses[index] for responses in given]
        truth = question.turn.answer
        records.append(
            Asked(
                id=name,
                task=question.turn.task,
                truth=truth,
                said=texts,
                given=[texts.index(here.text(answer.tokens)) for answer in answers],
                alone=texts.index(there.text(alone[index].tokens)),
                confidence=[answer.confidence for answer in (*answers, alone[index])],
                entropy=[answer.entropy for answer in answers[:CANDIDATES]],
                likelihood=rated[index],
                donor_likelihood=by_donor[index],
                ancestor_likelihood=by_ancestor[index],
                correct=None
                if longest is None
                else [number for number, text in enumerate(texts) if short_form(text) == truth],
            )
        )
    return Interview(header(list(ALPHAS)), records)


def _different(
    here: Interviewer, answers: Sequence[Said], there: Interviewer, alone: Said
) -> dict[str, tuple[int, ...]]:
    """Return the different answers' tokens by text, in the order of their first alpha, the donor's last."""
    tokens: dict[str, tuple[int, ...]] = {}
    for answer in answers:
        tokens.setdefault(here.text(answer.tokens), answer.tokens)
    tokens.setdefault(there.text(alone.tokens), here.translate(alone.tokens, there))
    return tokens


def _ratings(
    parents: Parents,
    interviewer: Interviewer,
    *,
    features: Any,
    said: Sequence[dict[str, tuple[int, ...]]],
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
            ]
        )
    for place, alpha in enumerate(ALPHAS[:CANDIDATES]):
        wanted = [
            (index, number, tokens)
            for index, texts in enumerate(said)
            for number, tokens in enumerate(texts.values())
            if isnan(rows[index][number][place])
        ]
        read = interviewer.log_likelihoods(
            parents.merge(alpha), features, [(index, tokens) for index, _, tokens in wanted]
        )
        for (index, number, _), value in zip(wanted, read, strict=True):
            rows[index][number][place] = value
    return rows


def _rating(
    interviewer: Interviewer, model: Any, features: Any, answers: Sequence[Sequence[tuple[int, ...]]]
) -> list[list[float]]:
    """Return, by question, the log-probability of these answers to it under one model."""
    wanted = [(index, tokens) for index, several in enumerate(answers) for tokens in several]
    read = iter(interviewer.log_likelihoods(model, features, wanted))
    return [[next(read) for _ in several] for several in answers]
