"""The cheap search: both parents answer, candidates read what they answered, and only the winner answers.

Parents first; then the inputs to read, mostly those on which they disagree; then the candidates that are
worth reading, one after the other; and to confirm, the winner answers the same inputs, for a candidate that
has broken down may read well and answer badly. What is read and answered is kept as it comes, so a killed and
resumed search equals an unbroken one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from adamms.checkpoints import OutputFolder
from adamms.errors import SearchError
from adamms.progress import Progress
from adamms.responses import DonorAnswers, Response, Responses
from adamms.runs.collected_answers import collect_responses
from adamms.runs.collected_opinions import ParentAnswers, collect_opinions
from adamms.runs.executors import Executor
from adamms.runs.search_plan import SearchPlan
from adamms.searching import Selection
from adamms.searching.answer_table import comparable
from adamms.searching.collapse import disqualification, ending_notes
from adamms.searching.parents import parents_of
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
    pretrained: bool
    """Whether theta_0 can be asked, in the base's body."""

    def lack(self, plan: SearchPlan) -> str | None:
        """Why they cannot be believed, as a sentence; None where they can."""
        answers = ParentAnswers(self.base, tuple(donor.answers for donor in self.donors))
        texts = dict(enumerate(_texts(plan, answers, plan.ids)))
        parents, why = parents_of(plan.ids, self.base, self.donors, None, texts)
        return why if parents is None else None


def choose_by_reading(
    executor: Executor,
    plan: SearchPlan,
    folder: OutputFolder,
    witnesses: Witnesses,
    *,
    known: dict[float, dict[str, Response]],
    progress: Progress,
) -> tuple[Responses, Selection]:
    """Judge the candidates by what they think of the parents' answers.

    Args:
        executor: what reads and answers.
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
    opinions, opinion = collect_opinions(
        executor,
        plan,
        folder,
        ids=ids,
        answers=answers,
        alphas=first_to_read(plan.alphas),
        pretrained=witnesses.pretrained,
        progress=progress,
    )
    texts = dict(enumerate(_texts(plan, answers, ids)))
    parents, why = parents_of(ids, witnesses.base, witnesses.donors, opinion, texts)
    if parents is None:
        raise SearchError(f"The rule {plan.options.rule} cannot choose from these answers: {why}")
    chances = belief(parents)
    differing = 1 - float(alike(_texts(plan, answers, plan.ids)).mean())
    scores = read_scores(plan.alphas, opinions, ids, parents, chances, differing=differing)
    if more := next_to_read(scores):
        # Where the parabola through the ends and the middle of the grid is highest.
        opinions |= collect_opinions(
            executor, plan, folder, ids=ids, answers=answers, alphas=more, progress=progress
        )[0]
        scores = read_scores(plan.alphas, opinions, ids, parents, chances, differing=differing)
    responses, reasons = _confirm(
        executor, plan, folder, scores, ids, witnesses.base, known, progress=progress
    )
    selection = chosen_by_reading(
        scores,
        reasons,
        samples=len(plan.ids),
        seed=plan.options.seed,
        rule=plan.options.rule,
        distrust=distrust_of_reading(scores, parents, chances, opinions, ids),
        notes=(*remarks_on_parents(parents), *_endings(witnesses, plan.ids)),
        base_apart=plan.base_apart,
    )
    return responses, replace(selection, fold_case=plan.options.fold_case)


def _endings(witnesses: Witnesses, ids: list[str]) -> tuple[str, ...]:
    """What is to be said of parents whose every answer ends at once, or never."""
    donors = [donor.answers for donor in witnesses.donors if not donor.stand_in]
    named = {"The base": witnesses.base}
    named |= {f"Donor {number}" if donors[1:] else "The donor": of for number, of in enumerate(donors, 1)}
    return ending_notes({who: [answers[id_] for id_ in ids] for who, answers in named.items()})


def _texts(plan: SearchPlan, answers: ParentAnswers, ids: list[str]) -> list[tuple[str, ...]]:
    """Of each parent its answers as they are compared."""
    fold = plan.options.fold_case
    return [
        tuple(comparable(parent[id_], fold_case=fold) for id_ in ids)
        for parent in (answers.base, *answers.donors)
    ]


def _confirm(
    executor: Executor,
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
        collect_responses(
            executor,
            plan,
            folder,
            wanted={best: ids},
            known=known,
            title="Asking the best candidate",
            progress=progress,
        )
        reason = disqualification([known[best][id_] for id_ in ids], [base[id_] for id_ in ids])
        if reason is None:
            return dict(sorted(known.items())), reasons
        reasons[best] = reason
