"""Training batches: a picture's positions once, several questions behind it that do not see one another.

That is exactly the training of single turns, at a fraction of the positions. A batch depends on the seed and
its number alone, so a training that was stopped goes on with the same ones, whatever the number of workers.
"""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from proving_ground.real_pair.families.base import Family, prompt_ids

PAD, UNLABELLED = 2, -100


@dataclass(frozen=True)
class Line:
    """One question as token ids: `ask` follows the picture, `say` is the answer with its end."""

    ask: tuple[int, ...]
    say: tuple[int, ...]


@dataclass(frozen=True)
class Source:
    """The lines about one picture (None: text alone), and how often it is drawn beside others."""

    picture: int | None
    lines: tuple[Line, ...]
    weight: float


@dataclass(frozen=True)
class Batch:
    """Arrays (rows, length); `segment` is 0 for the shared beginning, -1 for padding, else the question's."""

    ids: NDArray[np.int64]
    segment: NDArray[np.int64]
    positions: NDArray[np.int64]
    targets: NDArray[np.int64]
    pictures: NDArray[np.int64]
    """Which picture a row shows, -1 for none: (rows,)."""


@dataclass(frozen=True)
class Packer:
    """Draws sources and fills rows of `length` positions."""

    before: tuple[tuple[int, ...], tuple[int, ...]]
    """The ids before every question: with a picture, and without."""
    sources: tuple[Source, ...]
    rows: int
    length: int
    seed: int

    def batch(self, number: int) -> Batch:
        """Return the batch of that number."""
        random = Random(f"{self.seed}-{number}")
        chosen = random.choices(self.sources, weights=[source.weight for source in self.sources], k=self.rows)
        shape = (self.rows, self.length)
        ids, segment = np.full(shape, PAD), np.full(shape, -1)
        positions, targets = np.zeros(shape, dtype=np.int64), np.full(shape, UNLABELLED)
        for row, source in enumerate(chosen):
            before = self.before[0 if source.picture is not None else 1]
            start = len(before)
            ids[row, :start], segment[row, :start], positions[row, :start] = before, 0, np.arange(start)
            place, number_of_line = start, 1
            lines = list(source.lines)
            random.shuffle(lines)
            for line in lines:
                text = line.ask + line.say[:-1]
                stop = place + len(text)
                if stop > self.length:
                    continue
                ids[row, place:stop] = text
                segment[row, place:stop] = number_of_line
                positions[row, place:stop] = np.arange(start, start + len(text))
                targets[row, stop - len(line.say) : stop] = line.say
                place, number_of_line = stop, number_of_line + 1
        pictures = np.array([-1 if source.picture is None else source.picture for source in chosen])
        return Batch(ids, segment, positions, targets, pictures)

    def batches(self, start: int, stop: int, *, workers: int) -> Iterator[Batch]:
        """Yield the batches of these numbers, made ahead by so many processes."""
        if not workers:
            yield from map(self.batch, range(start, stop))
            return
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            yield from pool.imap(self.batch, range(start, stop), chunksize=4)


def make_sources(
    family: Family,
    tokenizer: Any,
    drawn: Sequence[Mapping[str, Any]],
    *,
    pictures: Mapping[str, int],
) -> tuple[Source, ...]:
    """Return the lines of a mixture by picture.

    Args:
        family: says the prompt.
        tokenizer: SmolLM2's.
        drawn: lines with `picture`, `prompt`, `answer`, and `weight`, that of their picture; text alone is
            put together thirty lines a source.
        pictures: the number of each picture.
    """
    prompts = _batched(tokenizer, [family.pieces.ask.format(line["prompt"]) for line in drawn])
    answers = _batched(tokenizer, [line["answer"] for line in drawn])
    groups: dict[Any, list[Line]] = {}
    weights: dict[Any, float] = {}
    for number, (line, ask, say) in enumerate(zip(drawn, prompts, answers, strict=True)):
        key: Any = line["picture"] or ("text", number % max(1, len(drawn) // 30))
        groups.setdefault(key, []).append(Line(tuple(ask), (*say, PAD)))
        weights[key] = weights.get(key, 0.0) + line["weight"]
    return tuple(
        Source(pictures[key] if isinstance(key, str) else None, tuple(lines), weights[key])
        for key, lines in groups.items()
    )


def make_packer(
    family: Family, tokenizer: Any, sources: tuple[Source, ...], *, rows: int, length: int, seed: int
) -> Packer:
    """Return the packer of a family."""
    before = [tuple(prompt_ids(family, tokenizer, "", picture=picture)[0]) for picture in (True, False)]
    return Packer((before[0], before[1]), sources, rows, length, seed)


def allowed(segment: Tensor) -> Tensor:
    """Return who may see whom, (rows, length, length), from the segments (rows, length)."""
    length = segment.shape[1]
    order = torch.ones(length, length, dtype=torch.bool, device=segment.device).tril()
    return order & ((segment[:, None, :] == 0) | (segment[:, None, :] == segment[:, :, None]))


def _batched(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    ids: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
    return ids
