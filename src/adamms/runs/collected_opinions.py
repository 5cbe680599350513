"""What models think of the parents' answers: read, not generated, written as they come, never read twice.

The ancestor's language model behind the base's tower, as a further witness, and the candidates, where a
search judges them without letting them answer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from adamms.answering.engine import GivenAnswer, Likelihood
from adamms.answering.sweep import Merge, Sweep
from adamms.checkpoints import OutputFolder
from adamms.merging import MergeInputs, make_method
from adamms.progress import Progress
from adamms.responses import LineWriter, Opinion, Response, read_opinions
from adamms.responses.candidate_opinions import (
    OPINIONS,
    CandidateOpinion,
    keep_opinions,
    read_candidate_opinions,
)
from adamms.responses.parent_answers import PRETRAINED
from adamms.runs.collected_answers import RESPONSES, resumable
from adamms.runs.loading import LoadedModels

IMPOSSIBLE = -1e6
"""Nats for what half precision makes no number, so that it can be written."""


@dataclass(frozen=True)
class ParentAnswers:
    """What base and donors answered to the same inputs."""

    base: Mapping[str, Response]
    donors: tuple[Mapping[str, Response], ...]

    def given(self, id_: str) -> tuple[GivenAnswer, ...]:
        """The different answers to an input, the base's first."""
        texts: dict[str, GivenAnswer] = {}
        for response in (self.base[id_], *(donor[id_] for donor in self.donors)):
            text = response.response.strip()
            texts.setdefault(text, GivenAnswer(text, response.finished is not False))
        return tuple(texts.values())

    def of_parents(self, id_: str, likelihoods: Sequence[Likelihood]) -> tuple[Likelihood, ...]:
        """How probable a model finds each parent's answer, from how it finds the different ones."""
        texts = [answer.text for answer in self.given(id_)]
        responses = (self.base[id_], *(donor[id_] for donor in self.donors))
        return tuple(likelihoods[texts.index(response.response.strip())] for response in responses)


def ancestor_merge(loaded: LoadedModels) -> Merge | None:
    """The ancestor's language model behind the base's tower; None where no ancestor was mapped."""
    view = loaded.parents.pretrained
    if view is None:
        return None
    return Merge(MergeInputs(loaded.base, (view,)), make_method("linear", {"alpha": 1.0}), 1.0)


def collect_pretrained_opinion(
    sweep: Sweep,
    merge: Merge,
    folder: OutputFolder,
    *,
    ids: Sequence[str],
    answers: ParentAnswers,
    progress: Progress,
) -> dict[str, Opinion]:
    """What the ancestor thinks of the parents' answers, by input id.

    Args:
        sweep: what reads.
        merge: the ancestor in the base's body.
        folder: the run's.
        ids: the inputs to read.
        answers: the parents'.
        progress: told of every input.

    Raises:
        SearchError: the base cannot be loaded or asked.
    """
    target = folder.path / RESPONSES
    known = read_opinions(target) or {}
    rest = {id_: answers.given(id_) for id_ in ids if id_ not in known}
    if rest:
        title = "Asking the pretrained model about both answers"
        with (
            progress.stage(title, total=len(ids), unit="inputs") as advance,
            LineWriter(target / PRETRAINED) as out,
            resumable(folder, progress),
        ):
            advance(len(ids) - len(rest))
            for id_, likelihoods in sweep.read_other(merge, rest):
                base, *donors = (
                    max(one.log_probability, IMPOSSIBLE) for one in answers.of_parents(id_, likelihoods)
                )
                known[id_] = Opinion(base, tuple(donors))
                out.opinion(id_, known[id_])
                advance(1)
    return known


def collect_opinions(
    sweep: Sweep,
    alphas: Sequence[float],
    folder: OutputFolder,
    *,
    ids: Sequence[str],
    answers: ParentAnswers,
    progress: Progress,
) -> dict[float, dict[str, CandidateOpinion]]:
    """What each candidate thinks of the parents' answers: alpha -> input id -> opinion.

    Args:
        sweep: what reads.
        alphas: the candidates.
        folder: the run's.
        ids: the inputs to read.
        answers: the parents'.
        progress: told of every input and candidate.

    Raises:
        SearchError: the base cannot be loaded or asked, or its engine cannot tell.
    """
    file = folder.path / RESPONSES / OPINIONS
    known: dict[float, dict[str, CandidateOpinion]] = {alpha: {} for alpha in alphas}
    for opinion in read_candidate_opinions(file):
        if opinion.alpha in known:
            known[opinion.alpha][opinion.id] = opinion
    rest = {
        alpha: {id_: answers.given(id_) for id_ in ids if id_ not in read} for alpha, read in known.items()
    }

    def read() -> Iterator[CandidateOpinion]:
        for alpha, id_, likelihoods in sweep.read(rest):
            own = answers.of_parents(id_, likelihoods)
            totals = tuple(likelihood.log_probability for likelihood in own)
            yield CandidateOpinion(alpha, id_, totals, tuple(likelihood.tokens for likelihood in own))

    total, left = len(ids) * len(alphas), sum(map(len, rest.values()))
    if left:
        with (
            progress.stage("Searching", total=total, unit="opinions") as advance,
            resumable(folder, progress),
        ):
            advance(total - left)
            for opinion in keep_opinions(file, read()):
                known[opinion.alpha][opinion.id] = opinion
                advance(1)
    return known
