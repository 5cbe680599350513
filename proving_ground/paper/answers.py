"""The kept answers: the questions of a run, and one small file a merge.

A file is written when its merge has answered everything, beside and renamed, so a run that was killed goes on
with the next. Imports nothing heavy.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from adamms.errors import AdaMMSError
from proving_ground.paper.plan import Setting

DIGITS = 5


@dataclass(frozen=True)
class Asked:
    """One question as a person reads it, and its true answer."""

    id: str
    task: str
    prompt: str
    truth: str


@dataclass(frozen=True)
class Answers:
    """What one model said to all questions, and how sure it was (as `adamms search` writes it)."""

    said: list[str]
    confidence: list[float]
    entropy: list[float]


class Archive:
    """The folder of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep_questions(self, asked: Sequence[Asked]) -> None:
        """Write the questions, or check that they are the ones whose answers lie here.

        Raises:
            AdaMMSError: the folder holds answers to others.
        """
        path, values = self.folder / "questions.json", [asdict(question) for question in asked]
        if not path.exists():
            _write(path, values)
        elif json.loads(path.read_text(encoding="utf-8")) != values:
            raise AdaMMSError(f"{self.folder} holds answers to other questions; give another --out.")

    @cached_property
    def questions(self) -> list[Asked]:
        """The questions.

        Raises:
            AdaMMSError: there are none.
        """
        path = self.folder / "questions.json"
        if not path.exists():
            raise AdaMMSError(f"{self.folder} holds no answers of the paper's experiments.")
        return [Asked(**record) for record in json.loads(path.read_text(encoding="utf-8"))]

    def has(self, pair: str, setting: Setting) -> bool:
        """Tell whether a merge has answered."""
        return self._path(pair, setting.name).exists()

    def keep(self, pair: str, name: str, answers: Answers) -> None:
        """Write a model's answers."""
        shorter = Answers(
            answers.said,
            [round(value, DIGITS) for value in answers.confidence],
            [round(value, DIGITS) for value in answers.entropy],
        )
        _write(self._path(pair, name), asdict(shorter))

    def read(self, pair: str, name: str) -> Answers:
        """Read a model's answers.

        Raises:
            AdaMMSError: it has not answered, or the file is broken.
        """
        path = self._path(pair, name)
        try:
            return Answers(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise AdaMMSError(f"{path} holds no answers: {error}.") from error

    def _path(self, pair: str, name: str) -> Path:
        return self.folder / "answers" / pair / f"{name}.json"


def _write(path: Path, values: Mapping[str, Any] | Sequence[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    partial.replace(path)
