"""A choice from answers that lie on disk: a run's, a harness's logs, anybody's; no model is loaded.

What a search chose by reading is chosen again by what it kept, since candidates that read did not answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.checkpoints.json_files import read_json
from adamms.errors import SearchError
from adamms.responses import (
    Responses,
    read_base_answers,
    read_donor,
    read_donors,
    read_opinions,
    read_responses,
    searched_setting,
)
from adamms.responses.candidates import RECIPE
from adamms.responses.responses import parse_line
from adamms.runs.shown_choice import ShownChoice
from adamms.searching import Selection, select

if TYPE_CHECKING:
    from adamms.responses.inputs import InputSource

LONGEST = 1 << 20
"""Bytes of a line that are looked at."""
UNCHANGED = (None, False, 0, "exact")
"""Values of the settings of a choice that ask for nothing."""


@dataclass(frozen=True, repr=False)
class Choice(ShownChoice):
    """What was chosen, and how right each candidate is where true answers were named."""

    selection: Selection
    accuracy: dict[float, float] | None

    def __repr__(self) -> str:
        return f"Choice({self.selection.brief})"


def select_responses(
    sources: Sequence[str | Path],
    *,
    labels: bool = False,
    answers: str | Path | None = None,
    label_metric: str = "exact",
    donor_answers: Sequence[str | Path] = (),
    alpha_pattern: str | None = None,
    **how: Any,
) -> Choice:
    """Choose from answers that were already generated.

    Args:
        sources: run directories, folders of `alpha=*.jsonl`, or a harness's logs.
        labels: choose by the true answers.
        answers: a file of the true answers by id; by default those among the inputs of the run.
        label_metric: how an answer is scored against the true one.
        donor_answers: files of the donors' own answers, one a donor; by default those that the run kept.
        alpha_pattern: where the alpha stands in a path, a regular expression with one group.
        **how: as `adamms.searching.select` takes them.

    Raises:
        AdaMMSError: the answers or labels cannot be read, or nothing can be chosen from them.
    """
    paths = [Path(source) for source in sources]
    rule, known = how.pop("rule", None), None
    # How ties are drawn and texts compared is no other way to choose.
    changed = [key for key, value in how.items() if value not in UNCHANGED and key not in ("seed", "strip")]
    plain = not (labels or donor_answers or changed)
    if labels or answers is not None:
        from adamms.evaluation.labels import read_labels

        if answers is None and (stray := next(filter(_holds_answers, paths), None)) is not None:
            raise SearchError(
                f"{stray} holds true answers, and --labels takes no file: name it with --answers."
            )
        known = read_labels(answers or _inputs_of(paths))
    if rule in (None, "witnesses") and plain and (kept := _chosen_by_reading(paths)) is not None:
        responses = read_responses(paths) if known is not None else {}
        complete = {alpha: read for alpha, read in responses.items() if len(read) == kept.samples}
        return Choice(kept, _accuracy(complete, known, label_metric))
    responses = read_responses(paths, alpha_pattern=alpha_pattern)
    right = None
    if labels:
        from adamms.evaluation.scoring import answer_scores

        assert known is not None
        right = {alpha: answer_scores(read, known, metric=label_metric) for alpha, read in responses.items()}
    selection = select(
        responses,
        rule=rule,
        **how,
        donors=tuple(map(read_donor, donor_answers)) if donor_answers else read_donors(paths),
        opinions=read_opinions(paths),
        labels=right,
        setting=searched_setting(paths),
        base=read_base_answers(paths),
    )
    return Choice(selection, _accuracy(responses, known, label_metric))


def _accuracy(
    responses: Responses, known: Mapping[str, Any] | None, metric: str
) -> dict[float, float] | None:
    if known is None or not responses:
        return None
    from adamms.evaluation.scoring import evaluate

    return {
        alpha: evaluate(answered, known, metric=metric).total.score for alpha, answered in responses.items()
    }


def _holds_answers(path: Path) -> bool:
    """Whether a path among the responses is a file of true answers."""
    if not path.is_file() or path.suffix != ".jsonl":
        return False
    with path.open("rb") as file:
        record = parse_line(file.readline(LONGEST))
    return record is not None and "answer" in record and "response" not in record


def _inputs_of(paths: Sequence[Path]) -> "Path | InputSource":
    """Where the true answers are, as a run's recipe has it: in a file of their own, or among its inputs."""
    from adamms.recipes.recipe import read_recipe

    for path in paths:
        for folder in (path, path.parent):
            if (folder / RECIPE).is_file() and (search := read_recipe(folder / RECIPE).search) is not None:
                drawn = folder / "inputs" / "inputs.jsonl"
                return search.answers or (drawn if search.inputs is None else search.input_source)
    raise SearchError(
        "These answers do not say to which inputs they belong, so --labels needs the true ones: "
        '--answers FILE, a line {"id", "answer"} an input.'
    )


def _chosen_by_reading(paths: Sequence[Path]) -> Selection | None:
    """The choice of a finished search whose candidates read instead of answering; None of any other."""
    for folder in (place for path in paths for place in (path, path.parent)):
        file = folder / "selection.json"
        if not file.is_file():
            continue
        try:
            selection = Selection.from_json(read_json(file))
        except ValueError as error:
            raise SearchError(f"{file} is damaged: {error}.") from None
        return selection if selection.reading is not None else None
    return None
