"""What a run will take: passes, tokens, bytes, GPUs and time, from sizes alone; the formulas are in docs.

passes    donors + base + candidates, or where candidates read: the parents' own, and of 25 inputs at most
          five candidates' (and theta_0's) opinions and the winner's answers
memory    the larger of base and donor in the dtype that it answers in, a twentieth for keys and values,
          and the libraries
time      tokens x operations / measured speed + steps x the calls of a layer, and what is loaded and moved
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adamms.runs.calibration import Prompts, Speed
    from adamms.runs.model_size import ModelSize

LIBRARIES = 700 << 20
"""Bytes of a process with torch and transformers."""
KEYS_VALUES, KEYS_VALUES_LEAST = 0.05, 256 << 20
"""Of the weights, for unfinished answers; and at least."""
GPU_PEAK = 1.15
"""Of the weights: what was measured on a GPU with the parents in their files."""
GPU_SHARE = 0.85
"""Of a GPU, that weights may take (`answering.spread.SHARE`)."""
MERGING = 100 << 20
"""Bytes of a merge, whatever the size of the models."""
ASSUMED_GPU = 80 * 10**9
"""Bytes of a GPU, where none is here."""
EXPECTED = 8
"""Tokens of an answer, where that is not known: most questions ask for a word."""
CALLS = 60
"""Of torch's, in a layer of transformers'."""
LOADING = 1e9
"""Bytes of weights a second, from the system's memory of files into a model."""
MOVING, MOVING_TENSOR = 2e-9, 2.5e-4
"""Seconds an element, and a tensor, that moves to a candidate on a CPU."""
ON_BUS = 40e9
"""Bytes of parents a second that blend on a GPU, from files in memory."""
SLICE = 32
"""Inputs that are answered together."""
BATCH_TOKENS = 4096


@dataclass(frozen=True)
class Asked:
    """A model, how many inputs it is asked, and whether it answers or reads others' answers."""

    model: str
    inputs: int
    reads: bool = False


@dataclass(frozen=True)
class Forecast:
    """What a run will take."""

    candidates: int
    inputs: int
    passes: float
    asked: tuple[Asked, ...]
    prompt_tokens: float
    """Of a question, its pictures included."""
    tokens_read: int
    tokens_written: int
    """At most."""
    download_bytes: int
    disk_bytes: int
    """What is downloaded and what is written."""
    memory_per_worker_bytes: int
    gpus_per_model: int
    gpu_bytes: int
    """Of the GPU that `gpus_per_model` counts."""
    workers: int
    seconds: float | None
    seconds_at_most: float | None
    """Where every answer is as long as it may be."""
    notes: tuple[str, ...] = ()
    """What is assumed."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for `--plan --json`."""
        return asdict(self)

    @property
    def lines(self) -> tuple[str, str, str, str]:
        """Four lines for a person."""
        if self.inputs:
            what = (
                f"{self.candidates} candidates, {self.inputs} inputs: {self.passes:.2f} passes, "
                f"{self.tokens_read:,} tokens read, at most {self.tokens_written:,} written."
            )
        else:
            what = "a merge: no question is asked."
        gpus = (
            f"; {self.gpus_per_model} GPU(s) of {self.gpu_bytes / 1e9:.0f} GB a model"
            if self.gpus_per_model
            else ""
        )
        time = "not foreseen here"
        if self.seconds is not None:
            time = f"about {in_time(self.seconds)}"
            if self.seconds_at_most and self.seconds_at_most > 1.1 * self.seconds:
                time += f", {in_time(self.seconds_at_most)} where every answer is as long as it may be"
        return (
            f"Plan: {what}",
            f"Plan: downloads {in_bytes(self.download_bytes)}, takes {in_bytes(self.disk_bytes)} of disk.",
            f"Plan: {in_bytes(self.memory_per_worker_bytes)} of memory a worker ({self.workers}){gpus}.",
            f"Plan: time {time}.",
        )


def in_bytes(count: int) -> str:
    """Bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.0f} MB"


def in_time(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def memory_of(sizes: Sequence[ModelSize], *, itemsize: int | None, gpu: bool) -> int:
    """Bytes of a process that holds one of these models at a time.

    Args:
        sizes: the models that answer.
        itemsize: bytes of a number in memory; None: as it is stored.
        gpu: whether they answer on a GPU, of which the memory then is.
    """
    weights = max(size.live_bytes(itemsize) for size in sizes)
    if gpu:
        return int(weights * GPU_PEAK)
    return weights + max(int(weights * KEYS_VALUES), KEYS_VALUES_LEAST) + LIBRARIES


def gpus_of_model(sizes: Sequence[ModelSize], *, gpu_bytes: int, itemsize: int | None) -> int:
    """How many GPUs a model needs, for weights alone to fit into their share of each."""
    weights = max(size.live_bytes(itemsize) for size in sizes)
    return max(ceil(weights / (GPU_SHARE * gpu_bytes)), 1)


@dataclass(frozen=True)
class Work:
    """What one model of a search does."""

    size: ModelSize
    prompts: Prompts
    asked: Asked
    parents: int = 2
    """Answers that are read of an input, where it reads."""

    def tokens(self, answer: float) -> float:
        """That are read, with answers of so many tokens."""
        length = self.prompts.tokens + (self.parents * answer if self.asked.reads else 0)
        return self.asked.inputs * length

    def seconds(self, speed: Speed, answer: float) -> float:
        """Without loading, moving and preparing.

        Args:
            speed: the machine's.
            answer: tokens of an answer.
        """
        size, inputs = self.size, self.asked.inputs
        tokens = self.tokens(answer)
        operations = 2 * size.active * tokens + 2 * size.head * inputs
        operations += 4 * size.layers * size.hidden * self.prompts.tokens * tokens
        calls = ceil(tokens / BATCH_TOKENS) * size.layers * CALLS
        seconds = operations / speed.reading + calls * speed.call
        if self.asked.reads:
            return seconds
        steps = max(answer - 1, 0) * ceil(inputs / SLICE)
        rows = min(inputs, SLICE)
        step = 2 * (size.active + size.head) * max(rows, 16) / speed.writing
        return seconds + steps * (step + size.layers * CALLS * speed.call)

    def preparing(self, speed: Speed) -> float:
        """Seconds of pictures and prompts, once a checkpoint."""
        inputs = self.asked.inputs
        return inputs * (self.prompts.seconds + 2 * self.size.vision * self.prompts.patches / speed.reading)


def search_seconds(
    works: Sequence[Work], speed: Speed, *, answer: float, workers: int, moves: int, gpu: bool
) -> float:
    """A search's, without writing what was chosen.

    Args:
        works: what is asked, the models that are loaded anew first of their kind.
        speed: the machine's.
        answer: tokens of an answer.
        workers: that work at a time.
        moves: times that weights move.
        gpu: whether they blend on a GPU.
    """
    loaded: Mapping[str, Work] = {}
    for work in works:
        loaded = {work.size.source: work, **loaded}
    loading = sum(work.size.stored_bytes / LOADING for work in loaded.values())
    # A checkpoint's first task is its largest: everything is prepared for it.
    largest = {
        name: max((work for work in works if work.size.source == name), key=lambda work: work.asked.inputs)
        for name in loaded
    }
    base = works[-1].size
    move = 2 * base.stored_bytes / ON_BUS if gpu else base.parameters * MOVING + base.tensors * MOVING_TENSOR
    shared = sum(work.seconds(speed, answer) for work in works)
    shared += sum(work.preparing(speed) for work in largest.values())
    return speed.starting + loading + (shared + moves * move) / workers
