"""Reading answers back: ours, or the logs of a harness that asked the questions for us.

Selection reads nothing but responses, so whatever can be read here can be chosen from. A format is one small
function from a JSON line to a `Response`, told apart by the line's keys. Does not judge the answers.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from adamms.checkpoints.local_files import read_bytes
from adamms.errors import SearchError
from adamms.responses.candidates import ALPHA, ALPHA_IN_NAME, RECIPE, round_alpha, value_in
from adamms.responses.responses import Response, parse_line

CANDIDATE_FILE = re.compile(r"([A-Za-z_]\w*)=(-?\d+(?:\.\d+)?)\.jsonl")
"""A candidate's file as a search writes it: its setting and its value."""
BASE_ANSWERS = "base.jsonl"
"""Among the responses where no candidate is the base, and the base answered by itself."""
# How much a mean of probabilities may err.
ROUNDING = 1e-6


def read_responses(
    source: str | Path | Sequence[str | Path],
    *,
    alpha: float | None = None,
    alpha_pattern: str | None = None,
) -> dict[float, dict[str, Response]]:
    """Read the answers of all candidates.

    Args:
        source: a run directory, a folder of `alpha=*.jsonl`, of lmms-eval sample logs or of VLMEvalKit's
            predictions, a single file, or several of these. The alpha of a line that does not say its own is
            that of the model's arguments which lmms-eval recorded, else that in the path (`alpha=0.10`,
            `alpha_0.1`).
        alpha: taken where neither the line nor the path says one.
        alpha_pattern: a regular expression whose first group is the alpha, for paths and recorded arguments
            that say it otherwise.

    Returns:
        Alpha -> id -> response, alphas ascending. A file without answers gives its candidate no answers.

    Raises:
        SearchError: nothing is there, or a line (other than a torn last one) is not understood.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    files = list(dict.fromkeys(file for path in sources for file in response_files(Path(path))))
    responses: dict[float, dict[str, Response]] = {}
    origin: dict[tuple[float, str], str] = {}
    for file in files:
        named = _alpha_of_file(file, alpha_pattern)
        if named is not None:
            responses.setdefault(named, {})
        for number, record in read_records(file):
            where = f"{file}, line {number}"
            response = _response(record, where, file=file, named=alpha if named is None else named)
            key = (response.alpha, response.id)
            if key in origin:
                raise SearchError(
                    f'{where}: the input "{response.id}" is answered for alpha {response.alpha:g} a second '
                    f"time (first: {origin[key]})."
                )
            origin[key] = where
            responses.setdefault(response.alpha, {})[response.id] = response
    return dict(sorted(responses.items()))


def searched_setting(source: str | Path | Sequence[str | Path]) -> str:
    """What the candidates of these answers differ in: alpha, or the setting that their files are named by.

    Raises:
        SearchError: nothing is there, or the files are of several settings.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    names = [file.name for path in sources for file in response_files(Path(path))]
    settings = list(dict.fromkeys(_setting_of(name) for name in names))
    if len(settings) > 1:
        raise SearchError(
            f"The answers are those of different searches, of {' and of '.join(settings)}; name one of them."
        )
    return settings[0]


def read_base_answers(source: str | Path | Sequence[str | Path]) -> dict[str, Response] | None:
    """The base's own answers in a run whose candidates are not the base, None where there are none.

    Raises:
        SearchError: a line is not understood.
    """
    sources = [source] if isinstance(source, str | Path) else list(source)
    for path in sources:
        for folder in (Path(path), Path(path) / "responses", Path(path).parent):
            # A file of that name elsewhere is somebody's own.
            if (folder / BASE_ANSWERS).is_file() and (folder.parent / RECIPE).is_file():
                return read_donor_answers(folder / BASE_ANSWERS)
    return None


def read_donor_answers(path: str | Path) -> dict[str, Response]:
    """The donor's own answers, in any format of `read_responses`; a line needs no alpha.

    Raises:
        SearchError: the file is missing, or a line is not understood.
    """
    answers: dict[str, Response] = {}
    for file in response_files(Path(path)):
        for number, record in read_records(file):
            response = _response(record, f"{file}, line {number}", file=file, named=1.0)
            answers[response.id] = response
    return answers


def read_line(line: bytes, where: str, *, alpha: float) -> Response:
    """One answer in our own format, of a candidate that is known.

    Raises:
        SearchError: it is not one; the message begins with `where`.
    """
    record = parse_line(line)
    if record is None or "id" not in record or "response" not in record:
        shown = line[:60].decode("utf-8", "replace")
        raise SearchError(f'{where}: not {{"id": ..., "response": ...}} but {shown!r}.')
    response = _ours({"alpha": alpha, **record}, where, Path(), None)
    if response.alpha != round_alpha(alpha):
        raise SearchError(f"{where}: an answer of alpha {response.alpha:g}, but {alpha:g} was asked.")
    return response


def response_files(source: Path) -> list[Path]:
    """The files of answers that a path stands for.

    Raises:
        SearchError: the path does not exist or holds none.
    """
    if not source.exists():
        raise SearchError(f"The responses {source} do not exist.")
    if source.is_file():
        return [source]
    folder = source / "responses" if (source / "responses").is_dir() else source
    for pattern in ("alpha*.jsonl", "**/*_samples_*.jsonl", "**/alpha*.jsonl", "*=*.jsonl"):
        files = sorted(file for file in folder.glob(pattern) if file.is_file())
        if files:
            return files
    # Late, as below: a run's own answers are read without what reads harnesses' logs.
    from adamms.responses.harness_logs import prediction_files

    if files := prediction_files(folder):
        return files
    raise SearchError(
        f"There are no responses in {folder}: neither alpha=*.jsonl nor lmms-eval's *_samples_*.jsonl, nor "
        "predictions of VLMEvalKit (xlsx, tsv, json)."
    )


def read_records(file: Path) -> Iterable[tuple[int, dict[str, Any]]]:
    """The numbered JSON objects of a file; a last line without its line end that does not parse was torn."""
    if file.suffix != ".jsonl":
        from adamms.responses.harness_logs import is_predictions, predictions

        if is_predictions(file):
            return predictions(file)
    try:
        lines = read_bytes(file).split(b"\n")
    except OSError as error:
        raise SearchError(f"The responses {file} cannot be read: {error.strerror}.") from None
    records = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        record = parse_line(line)
        if record is None:
            if number == len(lines):
                break
            raise SearchError(
                f"{file}, line {number}: not a JSON object; the file is damaged or of another kind."
            )
        records.append((number, record))
    return _of_first_filter(records)


def _of_first_filter(records: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, Any]]]:
    """The lines of one filter: of a task with several, a harness logs every answer once for each.

    The first is the one whose score the task reports first.
    """
    first = records[0][1].get("filter") if records and "doc_id" in records[0][1] else None
    if first is None:
        return records
    return [(number, record) for number, record in records if record.get("filter", first) == first]


def _alpha_of_file(file: Path, pattern: str | None) -> float | None:
    """The alpha that a pattern finds, the one recorded beside the file, or the one in its path."""
    if pattern is None and CANDIDATE_FILE.fullmatch(file.name):
        return _alpha_of_path(file)
    from adamms.responses.harness_logs import alpha_of_arguments, recorded_arguments

    arguments = recorded_arguments(file)
    if pattern is not None:
        return _alpha_by_pattern(file, arguments, pattern)
    recorded = None if arguments is None else alpha_of_arguments(arguments)
    return _alpha_of_path(file) if recorded is None else round_alpha(recorded)


def _alpha_by_pattern(file: Path, arguments: str | None, pattern: str) -> float | None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SearchError(f"--alpha-pattern {pattern!r} is no regular expression: {error}.") from None
    if not compiled.groups:
        raise SearchError(
            f"--alpha-pattern {pattern!r} has no group for the alpha: put it in brackets, 'a([0-9.]+)'."
        )
    for text in (arguments, str(file.absolute())):
        match = compiled.search(text) if text else None
        if match:
            try:
                return round_alpha(float(match[1]))
            except (TypeError, ValueError):
                raise SearchError(
                    f"{file}: --alpha-pattern {pattern!r} finds {match[1]!r}, which is not a number."
                ) from None
    return None


def _setting_of(name: str) -> str:
    match = CANDIDATE_FILE.fullmatch(name)
    return match.group(1) if match else ALPHA


def _alpha_of_path(file: Path) -> float | None:
    """The candidate in a file's name, or the alpha in the nearest folder's that has one."""
    if match := CANDIDATE_FILE.fullmatch(file.name):
        return round_alpha(float(match.group(2)))
    for part in (file.name, *(parent.name for parent in file.absolute().parents)):
        match = ALPHA_IN_NAME.search(part)
        if match:
            return round_alpha(float(match.group(1)))
    return None


def _response(record: dict[str, Any], where: str, *, file: Path, named: float | None) -> Response:
    for keys, reader in FORMATS:
        if all(any(key in record for key in names) for names in keys):
            return reader(record, where, file, named)
    raise SearchError(
        f'{where}: neither a response of ours ("id", "response") nor one of lmms-eval ("doc_id", '
        f'"filtered_resps"); its keys are: {", ".join(list(record)[:6]) or "none"}.'
    )


def _ours(record: dict[str, Any], where: str, file: Path, named: float | None) -> Response:
    finished = record.get("finished")
    value = value_in(record)
    value = named if value is None else value
    is_alpha = _setting_of(file.name) == ALPHA
    return Response(
        id=_id(record["id"], where),
        alpha=_alpha(value, where) if is_alpha else round_alpha(_number({"value": value}, "value", where)),
        response=_text(record["response"], where),
        tokens=None if record.get("tokens") is None else int(_number(record, "tokens", where)),
        confidence=_number_from_0(record, "confidence", where, most=1.0),
        entropy=_number_from_0(record, "entropy", where, most=math.inf),
        finished=finished if isinstance(finished, bool) else None,
    )


def _lmms_eval(record: dict[str, Any], where: str, file: Path, named: float | None) -> Response:
    """A line of lmms-eval's `*_samples_<task>.jsonl`; `doc_hash` is the same for every line, so `doc_id`
    joins."""
    answer = record.get("filtered_resps", record.get("resps"))
    while isinstance(answer, list) and answer:
        answer = answer[0]
    from adamms.responses.harness_logs import SAMPLES_OF_TASK

    task = SAMPLES_OF_TASK.match(file.name)
    id_ = _id(record["doc_id"], where)
    return Response(
        id=f"{task['task']}:{id_}" if task else id_,
        alpha=_alpha(named, where),
        response=_text("" if answer == [] else answer, where),
    )


def _vlmevalkit(record: dict[str, Any], where: str, file: Path, named: float | None) -> Response:
    """A row of VLMEvalKit's predictions."""
    index = record["index"]
    if isinstance(index, float) and index.is_integer():  # a spreadsheet's numbers
        index = int(index)
    answer = record["prediction"]
    return Response(
        id=f"{record['data_set']}:{_id(index, where)}",
        alpha=_alpha(named, where),
        # An empty cell is an empty answer; a spreadsheet keeps "True" and numbers as what they look like.
        response="" if answer is None else str(answer),
    )


Reader = Callable[[dict[str, Any], str, Path, float | None], Response]

FORMATS: tuple[tuple[tuple[tuple[str, ...], ...], Reader], ...] = (
    ((("id",), ("response",)), _ours),
    ((("doc_id",), ("filtered_resps", "resps")), _lmms_eval),
    ((("index",), ("prediction",), ("data_set",)), _vlmevalkit),
)
"""For every known format: keys of which each line has at least one a group, and how a line is read."""


def _id(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise SearchError(f"{where}: the id must be a text or a whole number, not {json.dumps(value)[:40]}.")
    return str(value)


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SearchError(f"{where}: the response must be a text, not {json.dumps(value)[:40]}.")
    return str(value)


def _alpha(value: Any, where: str) -> float:
    if value is None:
        raise SearchError(
            f'{where}: no alpha is known; add "alpha" to the lines, or name the file or its folder '
            "alpha=0.10."
        )
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise SearchError(f"{where}: alpha must be a number from 0 to 1, not {json.dumps(value)[:40]}.")
    return round_alpha(float(value))


def _number_from_0(record: dict[str, Any], key: str, where: str, *, most: float) -> float | None:
    if record.get(key) is None:
        return None
    value = _number(record, key, where)
    if not -ROUNDING <= value <= most + ROUNDING:
        bound = "0 upwards" if most == math.inf else f"0 to {most:g}"
        raise SearchError(f'{where}: "{key}" must be a number from {bound}, not {value:g}.')
    return value


def _number(record: dict[str, Any], key: str, where: str) -> float:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SearchError(f'{where}: "{key}" must be a finite number, not {json.dumps(value)[:40]}.')
    return float(value)
