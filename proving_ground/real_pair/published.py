"""The published answers as arrays: who said what, and how right it was."""

import bz2
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adamms.errors import AdaMMSError
from proving_ground.many.records import Interview, read_interview
from proving_ground.real_pair.questions.tasks import TASKS
from proving_ground.real_pair.scoring import score

Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Published:
    """A folder of published answers (docs/data/real-pair)."""

    folder: Path

    @cached_property
    def questions(self) -> list[dict[str, Any]]:
        """The questions, in the order of all answers.

        Raises:
            AdaMMSError: there are none.
        """
        return self._read("questions")

    @cached_property
    def interviews(self) -> dict[str, Interview]:
        """Every pair's interview, by name."""
        paths = sorted(self.folder.glob("*--*.jsonl.bz2"))
        return {path.name.removesuffix(".jsonl.bz2"): read_interview(path) for path in paths}

    @cached_property
    def tasks(self) -> dict[str, NDArray[np.int64]]:
        """The places of each task's questions."""
        return {
            task: np.array([place for place, line in enumerate(self.questions) if line["task"] == task])
            for task in TASKS
        }

    @cached_property
    def other_merges(self) -> dict[str, dict[str, list[str]]]:
        """What merges off the curves said, by pair and setting."""
        merges: dict[str, dict[str, list[str]]] = {}
        for record in self._read("other-merges"):
            for name, said in record["said"].items():
                pair, setting = name.split("/")
                merges.setdefault(pair, {}).setdefault(setting, []).append(said)
        return merges

    def curve(self, pair: str) -> Scores:
        """Return the scores of a pair's merges, (alphas, questions)."""
        return np.stack([self.scores(said) for said in self.said(pair)])

    def said(self, pair: str) -> list[list[str]]:
        """Return what a pair's merges said, by alpha."""
        interview = self.interviews[pair]
        return [
            [asked.said[asked.given[place]] for asked in interview.asked]
            for place in range(len(interview.header.alphas))
        ]

    def alone(self, model: str) -> list[str]:
        """Return what a sibling said by itself."""
        for interview in self.interviews.values():
            if interview.header.base == model:
                return [asked.said[asked.given[0]] for asked in interview.asked]
            if interview.header.donor == model:
                return [asked.said[asked.alone] for asked in interview.asked]
        raise KeyError(model)

    @property
    def models(self) -> list[str]:
        """The siblings, in the order in which pairs name them."""
        headers = [interview.header for interview in self.interviews.values()]
        return sorted({name for header in headers for name in (header.base, header.donor)})

    def scores(self, said: list[str]) -> Scores:
        """Return the score of every answer."""
        return np.array([score(line, text) for line, text in zip(self.questions, said, strict=True)])

    def by_task(self, scores: Scores) -> dict[str, float]:
        """Return means in percent."""
        return {task: 100 * float(scores[places].mean()) for task, places in self.tasks.items()}

    def _read(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / f"{name}.jsonl.bz2"
        try:
            with bz2.open(path, "rt", encoding="utf-8") as file:
                return [json.loads(line) for line in file]
        except (OSError, ValueError) as error:
            raise AdaMMSError(f"{path} holds no answers of the real pair: {error}.") from error
