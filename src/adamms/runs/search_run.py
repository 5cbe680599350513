"""A search from the first question to the chosen merge: parents, candidates, the choice, the checkpoint.

The donors are asked first, each in its own architecture, so that one model is in memory at a time; then the
base becomes one candidate after the other. Many workers share all this (`executors.py`).
"""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from adamms import __version__
from adamms.answering.engine import can_read, closing, is_noisy
from adamms.answering.resume_state import ASKED, check_unchanged
from adamms.checkpoints import OutputFolder
from adamms.errors import CheckpointError, SearchError
from adamms.mapping import ParameterMapping
from adamms.merging import check_merge
from adamms.progress import Progress
from adamms.recipes.recipe import Recipe
from adamms.responses import DonorAnswers, Responses, format_alpha
from adamms.responses.candidates import ANSWERS, RECIPE
from adamms.responses.line_order import sort_lines
from adamms.runs.candidate_recipes import with_candidate
from adamms.runs.collected_answers import (
    RESPONSES,
    collect,
    collect_responses,
    known_responses,
    wanted_of_base,
    wanted_responses,
)
from adamms.runs.collected_opinions import ParentAnswers, collect_opinions
from adamms.runs.donor_answers import collect_donor_answers, wanted_of_donors
from adamms.runs.engines import SCRATCH
from adamms.runs.executors import Executor, open_executor
from adamms.runs.left_out import (
    leave_out,
    left_out_note,
    may_be_left_out,
    read_left_out,
    to_leave_out,
    without,
)
from adamms.runs.loading import LoadedModels, method_of
from adamms.runs.resume_guard import check_same_recipe
from adamms.runs.search_plan import SearchPlan
from adamms.runs.shown_choice import ShownChoice
from adamms.runs.writing import require_unchanged, source_files, write_json, write_merged
from adamms.searching import Selection
from adamms.searching.signals import SUPERVISED

MERGED = "merged"


@dataclass(frozen=True, repr=False)
class SearchResult(ShownChoice):
    """A finished search: the run directory, the choice, and the accuracies where answers were known."""

    path: Path
    mapping: ParameterMapping
    selection: Selection
    accuracy: dict[float, float] | None

    @property
    def merged(self) -> Path:
        """The chosen candidate's checkpoint."""
        return self.path / MERGED

    @property
    def report(self) -> Path:
        """The self-contained HTML page."""
        return self.path / "report.html"

    def __repr__(self) -> str:
        return f"SearchResult({self.selection.brief}; {str(self.path)!r})"


def run_search(
    loaded: LoadedModels,
    folder: OutputFolder,
    *,
    plan: SearchPlan,
    progress: Progress,
    answers: dict[str, str] | None,
) -> SearchResult:
    """Ask, choose, and write what was chosen.

    Args:
        loaded: the models and the recipe.
        folder: the run's; committed at the end.
        plan: the questions and the candidates.
        progress: told how far the run is.
        answers: input id -> true answer, for an accuracy beside each candidate; the choice never sees it.

    Raises:
        AdaMMSError: one sentence that says what is wrong, where, and what to do.
    """
    # Late: the pages need jinja2, and merging alone does not.
    from adamms.reports.page import build_report

    options, log = plan.options, _Log(folder.path / "log.jsonl")
    for alpha in plan.alphas:
        check_merge(loaded.parents, loaded.method_at(alpha))
    check_same_recipe(folder.path / RECIPE, loaded.recipe)
    check_unchanged(
        folder.path,
        loaded.parents.checkpoints,
        plan.examples,
        vision_towers=[options.vision_tower, options.donor_vision_tower],
        files=[loaded.recipe.mapping.file, options.answers, *options.donor_answers],
    )
    write_json(folder.path / "mapping.json", loaded.mapping.to_json())
    log("started", version=__version__, inputs=len(plan.examples), candidates=len(plan.alphas))
    files = source_files(loaded.parents)
    plan, responses, selection = _choose(loaded, folder, plan=plan, log=log, progress=progress)
    try:
        require_unchanged(loaded.parents, files)
    except CheckpointError:
        # Answers of models that no longer exist are not worth resuming with.
        folder.keep_on_failure = False
        raise
    log("answered", answers=sum(map(len, responses.values())))
    write_json(folder.path / "selection.json", selection.to_json())
    log("selected", **{selection.setting: selection.selected}, tied=list(selection.tied))
    shutil.rmtree(folder.path / SCRATCH, ignore_errors=True)
    accuracy = _accuracy(responses, plan, answers)
    if answers is None and options.answers is not None and plan.labels is not None:
        answers = {id_: label.answers[0] for id_, label in plan.labels.items()}
    if answers:
        # The inputs file does not hold them, and the page marks what is right.
        asked = {example.id: answers[example.id] for example in plan.examples if example.id in answers}
        write_json(folder.path / ANSWERS, asked)
    if accuracy:
        by_alpha = {f"{alpha:g}": value for alpha, value in accuracy.items()}
        write_json(folder.path / "accuracy.json", by_alpha)

    def write(target: Path, merge: Recipe, chosen: Selection | None) -> None:
        """The checkpoint of one merge, with the recipe that makes it again without a search."""
        target.mkdir(parents=True, exist_ok=True)
        method = method_of(merge)
        write_merged(
            loaded, target, method=method, selection=chosen, progress=progress, files=files, recipe=merge
        )

    write(folder.path / MERGED, with_candidate(loaded.recipe, selection.selected), selection)
    if options.keep_all:
        for alpha in plan.alphas:
            name = f"{options.setting}={format_alpha(alpha)}"
            write(folder.path / "candidates" / name, with_candidate(loaded.recipe, alpha), None)
    log("finished")
    build_report(folder.path)
    # Nothing is left to resume.
    (folder.path / ASKED).unlink()
    folder.commit()
    return SearchResult(folder.target, loaded.mapping, selection, accuracy)


def _choose(
    loaded: LoadedModels, folder: OutputFolder, *, plan: SearchPlan, log: "_Log", progress: Progress
) -> tuple[SearchPlan, Responses, Selection]:
    """What was asked, the answers that the choice is made of, and the choice.

    Where the rule believes the parents, candidates read their answers (`read_run.py`), unless everything is
    asked of every candidate. Inputs that a model cannot be asked are left out, if they are few.
    """
    total, left_out = len(plan.examples), read_left_out(folder.path)
    while True:
        plan, failure = without(plan, left_out), None
        try:
            with closing(open_executor(loaded, plan, folder.path / SCRATCH, progress=progress)) as executor:
                responses, selection = _choose_with(executor, loaded, folder, plan=plan, progress=progress)
                if is_noisy(plan.options.engine_name):
                    selection = _with_noise(selection, executor, responses, plan, log)
                if executor.shares:
                    log("worked", workers=[asdict(share) for share in executor.shares])
        except SearchError as error:
            failure = error.with_traceback(None)  # which would keep the model that failed in memory
        if failure is None:
            break
        more = to_leave_out(loaded, plan, failure, already=len(left_out))
        leave_out(folder.path, folder.path / RESPONSES, more)
        left_out = [*left_out, *more]
        progress.say(left_out_note(more, total=total))
    sort_lines(folder.path / RESPONSES, plan.ids)
    if left_out:
        note = left_out_note(left_out, total=total)
        selection = replace(selection, notes=(*selection.notes, note))
    return plan, responses, selection


def _with_noise(
    selection: Selection, executor: Executor, responses: Responses, plan: SearchPlan, log: "_Log"
) -> Selection:
    """The choice, with a note on how many answers change by themselves, if any do."""
    # Late: the reference's answers repeat.
    from adamms.runs.noise import measure_noise

    noise = measure_noise(executor, responses, fold_case=plan.options.fold_case)
    log("noise", **asdict(noise))
    return replace(selection, notes=(*selection.notes, *noise.remarks))


def _choose_with(
    executor: Executor,
    loaded: LoadedModels,
    folder: OutputFolder,
    *,
    plan: SearchPlan,
    progress: Progress,
) -> tuple[Responses, Selection]:
    """The choice of `_choose`, once there is somebody to ask.

    Args:
        executor: what answers.
        loaded: the models.
        folder: the run's.
        plan: the questions and the candidates.
        progress: told how far it is.
    """
    witnessed, known = plan.options.witnessed, known_responses(folder, progress)
    # Nothing depends on what is asked here, so workers share all of it.
    stages = wanted_of_donors(loaded, plan, folder) if witnessed else {}
    asked: Sequence[float] = plan.alphas
    apart = wanted_of_base(plan, folder) if plan.asks_base else None
    if apart is not None:
        stages["Asking the base alone"] = [apart]
    if plan.reads:
        asked = () if plan.asks_base else (0.0,)
    title = "Searching" if len(asked) > 1 else "Asking the base"
    stages[title] = wanted_responses(plan, folder, dict.fromkeys(asked, plan.ids), known)
    together = "Asking the parents" if plan.reads else "Searching"
    failed = collect(executor, plan, stages, folder, together=together, progress=progress)
    for error in failed.values():
        # A donor that refuses a few inputs is asked the others; of one that cannot be asked others speak.
        if plan.options.max_bad and may_be_left_out(loaded, plan, error):
            raise error
    donors: tuple[DonorAnswers, ...] = ()
    if witnessed:
        donors = collect_donor_answers(executor, loaded, plan, folder, failed=failed, progress=progress)
    base = None if apart is None else apart.known
    pretrained = witnessed and loaded.parents.pretrained is not None and can_read(plan.options.engine_name)
    if plan.reads:
        # Late, as what chooses among answers is below: a search does one or the other.
        from adamms.runs.read_run import Witnesses, choose_by_reading

        witnesses = Witnesses(known[0.0] if base is None else base, donors, pretrained)
        lacking = witnesses.lack(plan)
        if lacking is None:
            return choose_by_reading(executor, plan, folder, witnesses, known=known, progress=progress)
        progress.say(f"The parents cannot be believed: {lacking} So every candidate is asked everything.")
    responses = collect_responses(executor, plan, folder, known=known, progress=progress)
    opinions = None
    if pretrained:
        parents = ParentAnswers(
            responses[0.0] if base is None else base, tuple(donor.answers for donor in donors)
        )
        _, opinions = collect_opinions(
            executor, plan, folder, ids=plan.ids, answers=parents, pretrained=True, progress=progress
        )
    labels = None
    if plan.labels is not None and plan.options.rule == SUPERVISED:
        labels = {alpha: plan.right(answered) for alpha, answered in responses.items()}
    from adamms.searching import select

    selection = select(responses, **plan.choice, labels=labels, base=base, donors=donors, opinions=opinions)
    return responses, selection


def _accuracy(
    responses: Responses, plan: SearchPlan, answers: dict[str, str] | None
) -> dict[float, float] | None:
    """The share of right answers a candidate, where the true answers are known; never read by the choice."""
    known = answers or {item.id: item.answer for item in plan.examples if item.answer is not None}
    if plan.labels is None and any(id_ not in known for id_ in plan.ids):
        return None
    # A candidate that only confirmed a choice answered a few, and not such as were drawn by chance.
    complete = {alpha: answered for alpha, answered in responses.items() if len(answered) == len(plan.ids)}
    if not complete:
        return None
    # Late: most searches have nothing to score.
    from adamms.evaluation.labels import Label
    from adamms.evaluation.scoring import evaluate

    metric = plan.options.label_metric
    labels = plan.labels or {id_: Label((answer,)) for id_, answer in known.items()}
    return {
        alpha: evaluate(answered, labels, metric=metric).total.score for alpha, answered in complete.items()
    }


class _Log:
    """`log.jsonl`: what happened when, one JSON line an event."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, event: str, **facts: object) -> None:
        line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "event": event, **facts}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
