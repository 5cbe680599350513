"""What models think of the parents' answers: read, not generated, written as they come, never read twice.

The ancestor's language model behind the base's tower, as a further witness, and the candidates, where a
search judges them without letting them answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from adamms.answering.engine import GivenAnswer, Likelihood
from adamms.answering.tasks import Answer, ModelName, Opinions
from adamms.checkpoints import OutputFolder
from adamms.progress import Progress
from adamms.responses import Opinion, Response, read_opinions
from adamms.responses.candidate_opinions import OPINIONS, CandidateOpinion, read_candidate_opinions
from adamms.responses.parent_answers import PRETRAINED
from adamms.runs.collected_answers import RESPONSES, Wanted, collect
from adamms.runs.executors import Executor
from adamms.runs.search_plan import SearchPlan

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


def collect_opinions(
    executor: Executor,
    plan: SearchPlan,
    folder: OutputFolder,
    *,
    ids: Sequence[str],
    answers: ParentAnswers,
    alphas: Sequence[float] = (),
    pretrained: bool = False,
    progress: Progress,
) -> tuple[dict[float, dict[str, CandidateOpinion]], dict[str, Opinion] | None]:
    """What candidates and theta_0 think of the parents' answers.

    Args:
        executor: what reads.
        plan: how the search asks.
        folder: the run's.
        ids: the inputs to read.
        answers: the parents'.
        alphas: the candidates.
        pretrained: whether theta_0 reads as well.
        progress: told of every input and candidate.

    Returns:
        Alpha -> input id -> opinion, and theta_0's by input id; None where it does not read.

    Raises:
        SearchError: the base cannot be loaded or asked, or its engine cannot tell.
    """
    target = folder.path / RESPONSES
    candidates: dict[float, dict[str, CandidateOpinion]] = {alpha: {} for alpha in alphas}
    for opinion in read_candidate_opinions(target / OPINIONS) if alphas else ():
        if opinion.alpha in candidates:
            candidates[opinion.alpha][opinion.id] = opinion
    given = {id_: answers.given(id_) for id_ in ids}
    stages: dict[str, list[Wanted]] = {}
    theta: dict[str, Opinion] | None = None
    if pretrained:
        theta = dict(read_opinions(target) or {})
        stages["Asking the pretrained model about both answers"] = [
            Wanted(
                ModelName("pretrained"),
                ids,
                target / PRETRAINED,
                {id_: _NamedOpinion(id_, opinion) for id_, opinion in theta.items()},
                line=lambda kept: kept.opinion.to_json(kept.id),
                keep=partial(_pretrained_opinion, answers=answers),
                given=given,
            )
        ]
    stages["Candidates read the parents' answers"] = [
        Wanted(
            ModelName("candidate", alpha),
            ids,
            target / OPINIONS,
            candidates[alpha],
            line=CandidateOpinion.to_json,
            keep=partial(_candidate_opinion, alpha=alpha, answers=answers),
            given=given,
        )
        for alpha in alphas
    ]
    collect(executor, plan, stages, folder, unit="opinions", progress=progress)
    for entry in next(iter(stages.values())) if pretrained else ():
        theta = {id_: named.opinion for id_, named in entry.known.items()}
    return candidates, theta


@dataclass(frozen=True)
class _NamedOpinion:
    """What theta_0 thinks of the answers to an input."""

    id: str
    opinion: Opinion


def _pretrained_opinion(answer: Answer, *, answers: ParentAnswers) -> _NamedOpinion:
    assert isinstance(answer, Opinions)
    own = answers.of_parents(answer.id, answer.likelihoods)
    base, *donors = (max(likelihood.log_probability, IMPOSSIBLE) for likelihood in own)
    return _NamedOpinion(answer.id, Opinion(base, tuple(donors)))


def _candidate_opinion(answer: Answer, *, alpha: float, answers: ParentAnswers) -> CandidateOpinion:
    assert isinstance(answer, Opinions)
    own = answers.of_parents(answer.id, answer.likelihoods)
    totals = tuple(likelihood.log_probability for likelihood in own)
    return CandidateOpinion(alpha, answer.id, totals, tuple(likelihood.tokens for likelihood in own))
