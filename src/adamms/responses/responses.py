"""Answers of the candidates, as files: one JSON line an input, one file a candidate.

A search writes each answer as soon as it is there, so a killed search keeps what it paid for: only a torn
last line is lost, and reading (`reading.py`) drops it. Knows no models and does not judge the answers.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from adamms.checkpoints.json_files import parse_json
from adamms.responses.candidates import ALPHA, SearchAxis, format_alpha, round_alpha


@dataclass(frozen=True)
class Response:
    """What one candidate answered to one input; None where the source does not say."""

    id: str
    alpha: float
    """The candidate: the donor's weight, or the value of the setting that is searched instead."""
    response: str
    tokens: int | None = None
    """Generated tokens, the end token included."""
    confidence: float | None = None
    """Mean probability of the greedy tokens."""
    entropy: float | None = None
    """Of the first token's distribution, in nats."""
    finished: bool | None = None
    """True: ended by itself; False: cut at the length limit."""

    def to_json(self, setting: str = ALPHA) -> dict[str, Any]:
        """The line of a response file; what is not known is left out."""
        candidate = SearchAxis(setting).key(self.alpha)
        known = {"id": self.id, **candidate, "response": self.response, "tokens": self.tokens}
        for name in ("confidence", "entropy", "finished"):
            if getattr(self, name) is not None:
                known[name] = getattr(self, name)
        return known


Responses = Mapping[float, Mapping[str, Response]]
"""Alpha -> input id -> what that candidate answered to it, alphas ascending."""


def response_file(folder: str | Path, alpha: float, *, setting: str = ALPHA) -> Path:
    """Where a candidate's answers lie: `alpha=0.10.jsonl`, `density=0.20.jsonl`."""
    return Path(folder) / f"{setting}={format_alpha(alpha)}.jsonl"


class ResponseWriter:
    """Appends answers to their candidates' files, each line flushed; a resource, so a context manager."""

    def __init__(self, folder: str | Path, *, setting: str = ALPHA) -> None:
        self._folder = Path(folder)
        self._setting = setting
        self._files: dict[float, BinaryIO] = {}

    def __enter__(self) -> "ResponseWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        self._files.clear()

    def write(self, response: Response) -> None:
        """Add one answer; it is in the operating system's hands when this returns."""
        alpha = round_alpha(response.alpha)
        if alpha not in self._files:
            self._files[alpha] = open_to_append(response_file(self._folder, alpha, setting=self._setting))
        line = json.dumps(response.to_json(self._setting), ensure_ascii=False)
        # backslashreplace turns a lone surrogate into the escape that JSON has for it.
        self._files[alpha].write(line.encode("utf-8", "backslashreplace") + b"\n")
        self._files[alpha].flush()


def parse_line(line: bytes) -> dict[str, Any] | None:
    """The JSON object on a line, or None where there is none."""
    try:
        record = parse_json(line, encoding="utf-8-sig")
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def open_to_append(path: Path) -> BinaryIO:
    """Open a file behind its last whole line: what a killed process left half written is cut off."""
    file = path.open("a+b")
    file.seek(0)
    content = file.read()
    if content and not content.endswith(b"\n"):
        tail = content[content.rfind(b"\n") + 1 :]
        if parse_line(tail) is None:
            file.truncate(len(content) - len(tail))
        else:
            file.write(b"\n")
    return file
