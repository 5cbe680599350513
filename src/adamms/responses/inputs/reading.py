"""Inputs, read: what was understood, which of them are drawn, whether their pictures are there.

Whatever form they have, inputs become the same: an id, a prompt, pictures, sounds, videos, and an answer that
a search carries along and never looks at. Every problem is found before anything long begins, and said once
with its count. Knows no models.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from adamms.checkpoints.sources import expanded, is_text
from adamms.errors import SearchError
from adamms.responses.inputs.example import Example
from adamms.responses.inputs.media import Media, file_problem, image_problem
from adamms.responses.inputs.opening import open_records
from adamms.responses.inputs.problems import Problem, ProblemError, Tally, describe
from adamms.responses.inputs.records import CONVERSATIONS, Entry, Record, entry_of
from adamms.responses.inputs.source import InputSource

T = TypeVar("T")
SHAPES = {"messages": "messages", "conversations": "LLaVA's conversations", "conversation": "conversations"}
KINDS = (
    "does not exist",
    "is not an image that can be read",
    "there is no file",
    "is a folder",
    "permission denied",
    "cannot be read",
)


@dataclass(frozen=True)
class Inputs:
    """What was understood of inputs."""

    name: str
    format: str
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()
    at_hand: bool = True
    """Whether their files are the user's own, so that the inputs can be read again as they are."""

    def drawn(self, count: int, *, seed: int) -> "Inputs":
        """`count` of them, as `sample` draws."""
        return replace(self, entries=tuple(sample(self.entries, count, seed=seed)))

    def with_ids(self, ids: Iterable[str]) -> "Inputs":
        """Those that go by these ids."""
        wanted = frozenset(ids)
        return replace(self, entries=tuple(entry for entry in self.entries if entry.id in wanted))

    def looked_at(self) -> "Inputs":
        """With the problems of what will be asked and shown; an entry that has one is left out."""
        seen: dict[Media, str | None] = {}
        tally, sound = Tally(), []
        for entry in self.entries:
            problem = None if is_text(entry.prompt) else '"prompt" holds half a character (a lone surrogate)'
            for role, media in (("image", entry.images), ("audio", entry.audio), ("video", entry.video)):
                for medium in media:
                    if medium not in seen:
                        looked = image_problem(medium) if role == "image" else file_problem(medium, role)
                        seen[medium] = looked
                    problem = problem or seen[medium]
            if problem is None:
                sound.append(entry)
            else:
                tally.problem(ProblemError(problem, kind=_kind(problem)), entry.place)
        return replace(self, entries=tuple(sound), problems=(*self.problems, *tally.problems))

    def required(self) -> "Inputs":
        """Themselves.

        Raises:
            SearchError: they have problems, or there are none of them.
        """
        if self.problems:
            raise SearchError(describe(self.name, self.problems))
        if not self.entries:
            raise SearchError(
                f"The inputs file {self.name} is empty; it needs one line an input: "
                '{"image": "a.png", "prompt": "..."}.'
            )
        return self

    def kept(self, folder: Path) -> list[Example]:
        """Their questions, all that they show in files: what the user has no file of is written to `folder`.

        Nothing is written where everything is a file of the user's own, to be read again as it is.
        """
        if self.at_hand and all(isinstance(medium, Path) for entry in self.entries for medium in entry.media):
            return self.examples()
        # Late: most inputs are files already.
        from adamms.responses.inputs.keeping import keep

        return keep(self.entries, folder)

    def examples(self) -> list[Example]:
        """Their questions, where all that they show are files already.

        Raises:
            SearchError: contents are inside the inputs.
        """
        return [entry.example(self._file) for entry in self.entries]

    def _file(self, medium: Media) -> Path:
        if isinstance(medium, Path):
            return medium
        raise SearchError(f"{self.name} holds pictures that are no files; they must be kept somewhere first.")


def understand(source: InputSource, *, labels: bool = False) -> Inputs:
    """Read inputs, whatever their form; no picture is looked at.

    Args:
        source: as the user named them.
        labels: they are read for their true answers alone; a record needs no prompt.

    Raises:
        SearchError: there is nothing to read, or it is of no kind that is known. What is wrong with single
            inputs is among the result's problems.
    """
    tally, entries = Tally(), []
    seen: dict[str, str] = {}
    shapes: dict[str, int] = {}
    records = open_records(source, tally)
    folder = records.folder if source.image_folder is None else expanded(source.image_folder)
    for record in records.records:
        if not isinstance(record, Record):
            tally.problem(record[1], record[0])
            continue
        shapes[record.shape] = shapes.get(record.shape, 0) + 1
        try:
            entry = entry_of(record, source, folder, tally, labels=labels)
            if entry.id in seen:
                where = seen[entry.id]
                raise ProblemError(f'the id "{entry.id}" is already used on {where}', kind="id twice")
            seen[entry.id] = entry.place
            entries.append(entry)
        except ProblemError as problem:
            tally.problem(problem, record.place)
    named = [SHAPES[shape] for shape in CONVERSATIONS if shapes.get(shape)]
    form = f"{records.format} of {' and '.join(named)}" if named else records.format
    return Inputs(source.name, form, tuple(entries), tally.problems, tally.remarks, records.at_hand)


def read_inputs(path: str | Path | InputSource, *, asked: bool = True) -> list[Example]:
    """Read inputs whose pictures are files, and look at every picture's header.

    Args:
        path: a file, a folder, or an `InputSource`.
        asked: off, where they are only shown: files are not looked at and may be missing.

    Raises:
        SearchError: nothing can be read, or inputs are wrong; all problems are counted, and a kind of them is
            named with its places.
    """
    source = path if isinstance(path, InputSource) else InputSource(path)
    inputs = understand(source)
    # What is only shown was asked before, and may have been changed since.
    return (inputs.looked_at() if asked else replace(inputs, problems=())).required().examples()


def sample(examples: Sequence[T], count: int, *, seed: int) -> list[T]:
    """Draw `count` inputs without replacement; their order in the file is kept.

    Args:
        examples: what to draw from.
        count: how many; all of them when there are no more.
        seed: the same seed draws the same inputs, on every machine.

    Raises:
        SearchError: `count` is less than one.
    """
    if count < 1:
        raise SearchError(f"The number of inputs to search with must be at least 1, not {count}.")
    if count >= len(examples):
        return list(examples)
    return [examples[index] for index in sorted(random.Random(seed).sample(range(len(examples)), count))]


def _kind(problem: str) -> str:
    """What is the same in a sentence about one file and about another."""
    return next((kind for kind in KINDS if kind in problem), problem)
