"""The cheap search: both parents answer, candidates read what they answered, and only the winner answers.

Parents first; then the inputs to read, mostly those on which they disagree; then the candidates that are
worth reading, one after the other; and to confirm, the winner answers the same inputs, for a candidate that
has broken down may read well and answer badly. What is read and answered is kept as it comes, so a killed and
resumed search equals an unbroken one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adamms.answering.sweep import Merge, Sweep
from adamms.checkpoints import OutputFolder
from adamms.errors import SearchError
from adamms.progress import Progress
from adamms.responses import DonorAnswers, Response, Responses
from adamms.responses.candidate_opinions import CandidateOpinion
from adamms.runs.collected_answers import collect_responses
from adamms.runs.collected_opinions import ParentAnswers, collect_opinions, collect_pretrained_opinion
from adamms.runs.search_plan import SearchPlan
from adamms.searching import Selection
from adamms.searching.answer_table import comparable
from adamms.searching.collapse import disqualification
from adamms.searching.parents import Parents, Table, parents_of
from adamms.searching.read_choice import chosen_by_reading, distrust_of_reading
from adamms.searching.read_search import (
    ReadScores,
    alike,
    first_to_read,
    inputs_to_read,
    next_to_read,
    read_scores,
)
from adamms.searching.signals.witnesses import belief, remarks_on_parents


@dataclass(frozen=True)
class Witnesses:
    """What is known before a candidate is read."""

    base: Mapping[str, Response]
    donors: tuple[DonorAnswers, ...]
    ancestor: Merge | None
    """Theta_0's language model in the base's body, where there is one to ask."""

    def lack(self, plan: SearchPlan) -> str | None:
        """Why they cannot be believed, as a sentence; None where they can."""
        answers = ParentAnswers(self.base, tuple(donor.answers for donor in self.donors))
        texts = dict(enumerate(_texts(plan, answers, plan.ids)))
        parents, why = parents_of(plan.ids, self.base, self.donors, None, texts)
        return why if parents is None else None


def choose_by_reading(
    sweep: Sweep,
    plan: SearchPlan,
    folder: OutputFolder,
    witnesses: Witnesses,
    *,
    known: dict[float, dict[str, Response]],
    progress: Progress,
) -> tuple[Responses, Selection]:
    """Judge the candidates by what they think of the parents' answers.

    Args:
        sweep: what reads and answers.
        plan: the questions and the candidates.
        folder: the run's.
        witnesses: the parents' answers.
        known: what candidates have answered so far; what they answer to confirm is added.
        progress: told how far it is.

    Returns:
        All answers of candidates, and the choice.

    Raises:
        SearchError: the parents' answers lack what the rule needs, or every candidate has collapsed.
    """
    answers = ParentAnswers(witnesses.base, tuple(donor.answers for donor in witnesses.donors))
    ids = inputs_to_read(plan.ids, _texts(plan, answers, plan.ids), seed=plan.options.seed)
    opinions = None
    if witnesses.ancestor is not None:
        opinions = collect_pretrained_opinion(
            sweep, witnesses.ancestor, folder, ids=ids, answers=answers, progress=progress
        )
    texts = dict(enumerate(_texts(plan, answers, ids)))
    parents, why = parents_of(ids, witnesses.base, witnesses.donors, opinions, texts)
    if parents is None:
        raise SearchError(f"The rule {plan.options.rule} cannot choose from these answers: {why}")
    chances = belief(parents)
    scores, thoughts = _read(sweep, plan, folder, ids, parents, chances, answers=answers, progress=progress)
    responses, reasons = _confirm(sweep, plan, folder, scores, ids, witnesses.base, known, progress=progress)
    selection = chosen_by_reading(
        scores,
        reasons,
        samples=len(plan.ids),
        seed=plan.options.seed,
        rule=plan.options.rule,
        distrust=distrust_of_reading(scores, parents, chances, thoughts, ids),
        notes=remarks_on_parents(parents),
        base_apart=plan.base_apart,
    )
    return responses, replace(selection, fold_case=plan.options.fold_case)


def _texts(plan: SearchPlan, answers: ParentAnswers, ids: list[str]) -> list[tuple[str, ...]]:
    """Of each parent its answers as they are compared."""
    fold = plan.options.fold_case
    return [
        tuple(comparable(parent[id_], fold_case=fold) for id_ in ids)
        for parent in (answers.base, *answers.donors)
    ]


def _read(
    sweep: Sweep,
    plan: SearchPlan,
    folder: OutputFolder,
    ids: list[str],
    parents: Parents,
    chances: Table,
    *,
    answers: ParentAnswers,
    progress: Progress,
) -> tuple[ReadScores, dict[float, dict[str, CandidateOpinion]]]:
    """Read the ends and the middle of the grid, then where the parabola through them is highest."""
    differing = 1 - float(alike(_texts(plan, answers, plan.ids)).mean())
    alphas = first_to_read(plan.alphas)
    opinions = collect_opinions(sweep, alphas, folder, ids=ids, answers=answers, progress=progress)
    scores = read_scores(plan.alphas, opinions, ids, parents, chances, differing=differing)
    if more := next_to_read(scores):
        opinions |= collect_opinions(sweep, more, folder, ids=ids, answers=answers, progress=progress)
        scores = read_scores(plan.alphas, opinions, ids, parents, chances, differing=differing)
    return scores, opinions


def _confirm(
    sweep: Sweep,
    plan: SearchPlan,
    folder: OutputFolder,
    scores: ReadScores,
    ids: list[str],
    base: Mapping[str, Response],
    known: dict[float, dict[str, Response]],
    *,
    progress: Progress,
) -> tuple[Responses, dict[float, str]]:
    """Let the best candidate answer what was read, and the next best where the best has collapsed.

    Returns:
        All answers, and for each candidate that has collapsed the reason.
    """
    reasons: dict[float, str] = {}
    while True:
        allowed = scores.allowed(reasons)
        if not any(allowed):
            listed = "; ".join(f"{alpha:g}: {why}" for alpha, why in reasons.items())
            raise SearchError(f"No candidate can be chosen: all that were read have collapsed ({listed}).")
        best = scores.alphas[scores.best(allowed)]
        collect_responses(sweep, plan, folder, wanted={best: ids}, known=known, progress=progress)
        reason = disqualification([known[best][id_] for id_ in ids], [base[id_] for id_ in ids])
        if reason is None:
            return dict(sorted(known.items())), reasons
        reasons[best] = reason
