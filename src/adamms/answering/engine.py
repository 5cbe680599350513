"""Who answers: what an engine of a search does, how it is set up, and where engines are registered.

A search (section 3.3) prepares its questions once, then for each candidate loads its weights and collects its
answers. Whatever can do these three things can be searched with; a package makes its own known under the
entry point group `adamms.engines`, as those that ship here do (`pyproject.toml`). Light: an engine's
libraries are imported when it is opened.
"""

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from adamms.errors import EXTRAS, MissingPackageError, SearchError
from adamms.responses.inputs import Example
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from torch import Tensor

    from adamms.checkpoints import TensorSource
    from adamms.merging import MergeInputs, Method

GROUP = "adamms.engines"
"""The entry point group: a name -> a function from an `EngineRequest` to an `Engine`."""
DEFAULT = "transformers"
AT_ONCE = 256
"""Inputs prepared together: what their pictures become must fit in memory."""


@dataclass(frozen=True)
class EngineOptions:
    """How a model is loaded and asked, whoever runs it."""

    max_new_tokens: int = 64
    """The longest answer."""
    batch_size: int | None = None
    """Prompts a prefill, halved where memory does not suffice; by their length when left out."""
    device: str | None = None
    """A torch device; the GPU where there is one when left out."""
    gpus_per_model: int | None = None
    """GPUs over which one model is spread, by layers (`transformers`) or by tensor parallelism (`vllm`)."""
    dtype: str | None = None
    """Of the arithmetic; float32 on a CPU, the checkpoint's own on a GPU when left out."""
    trust_remote_code: bool = False
    """Run the checkpoint's own Python files."""
    vision_tower: str | None = None
    """Folder or hub id of the vision tower, where the checkpoint's layout leaves it out."""


@dataclass(frozen=True)
class GivenAnswer:
    """An answer that is put into a model's mouth, to see how probable the model finds it."""

    text: str
    finished: bool
    """Whether it ended by itself, so that its end is part of it; also where that is not known."""


@dataclass(frozen=True)
class Likelihood:
    """How probable a model finds an answer."""

    log_probability: float
    """Of all its tokens together, in nats."""
    tokens: int
    """How many, its end included."""

    @property
    def mean(self) -> float:
        """The mean log-probability of a token."""
        return self.log_probability / self.tokens if self.tokens else 0.0


class Candidate(Protocol):
    """What a live model becomes: merged tensors by their names on disk, in the base's stored dtype.

    `merging.tensors.CandidateWeights`, mostly. An engine takes single tensors, or all of them as a stream;
    one whose model lives in another process hands on what is to be merged there (`merging.description`), as
    names and settings travel, and weights never.
    """

    @property
    def inputs(self) -> "MergeInputs":
        """The models that are merged."""

    @property
    def method(self) -> "Method":
        """How."""

    def __call__(self, name: str) -> "Tensor":
        """One tensor."""

    def stream(self, names: Collection[str]) -> "Iterator[tuple[str, Tensor]]":
        """These tensors, one after the other, those of a layer together and layers in their order."""


class Engine(Protocol):
    """A live model, or a program that runs one, which can become any candidate.

    One that holds more than memory (a process, a connection) has a `close()` too, which may be called twice.
    """

    def prepare(self, examples: Sequence[Example]) -> None:
        """Do once what is the same for every candidate; called again when there are more questions."""

    def load_weights(self, alpha: float, merged: "Callable[[str], Tensor]") -> None:
        """Become the candidate `alpha`; `merged` is a `Candidate`, or for a model that stays as it is just
        what gives its tensors by their names on disk."""

    def answer(self, ids: Collection[str]) -> Iterator[Response]:
        """The candidate's answers to these prepared questions, in any order."""


class ScoringEngine(Engine, Protocol):
    """An engine that can also tell how probable it finds an answer."""

    def log_probabilities(
        self, answers: Mapping[str, Sequence[GivenAnswer]]
    ) -> Iterator[tuple[str, tuple[Likelihood, ...]]]:
        """Question id -> how probable the candidate finds each of these answers, in any order."""


@dataclass(frozen=True)
class EngineRequest:
    """What an engine is opened for."""

    model: "TensorSource"
    """Whose architecture, processor and tokenizer answer, weights and all."""
    changed: Sequence[str]
    """The tensors, by their names on disk, that candidates change; none where the model answers as it is."""
    options: EngineOptions = EngineOptions()
    command: str | None = None
    """The command line of an engine that is another program."""
    command_timeout: float | None = None
    """Seconds without an answer after which it is ended."""
    python: str | None = None
    """The interpreter of an engine that runs in an environment of its own."""
    scratch: Path | None = None
    """An empty folder of the engine's own."""
    write: Callable[[float, Path], None] | None = None
    """Writes the merged checkpoint of an alpha into a folder, for engines that read a folder."""


def open_engine(request: EngineRequest, *, name: str = DEFAULT) -> Engine:
    """The engine of this name, loaded.

    Raises:
        SearchError: no package registers it, it cannot be imported, or it cannot run the model.
        MissingPackageError: what it needs is an extra of ours that is not installed.
    """
    engine: Engine = _opener(name)(request)
    return engine


def can_read(name: str) -> bool:
    """Whether an engine tells how probable given answers are, so that candidates need not answer.

    Its entry point says so by having `log_probabilities`, as a class of such engines has; nothing is opened.

    Raises:
        SearchError: there is no such engine, or it cannot be imported.
    """
    # Without importing what is heavy: the reference can.
    return name == DEFAULT or hasattr(_opener(name), "log_probabilities")


def asks_donors(name: str) -> bool:
    """Whether donors are asked by this engine as well, for it runs whatever model it is given.

    Otherwise transformers asks them. Its entry point says so by a true `asks_donors`.

    Raises:
        SearchError: there is no such engine, or it cannot be imported.
    """
    return name == DEFAULT or bool(getattr(_opener(name), "asks_donors", False))


def is_noisy(name: str) -> bool:
    """Whether an engine's answers may depend on what else is asked at the same time.

    Its entry point says so by a true `noisy`.

    Raises:
        SearchError: there is no such engine, or it cannot be imported.
    """
    return name != DEFAULT and bool(getattr(_opener(name), "noisy", False))


@contextmanager
def closing(engine: Any) -> "Iterator[Any]":
    """Close an engine, or what asks one, that can be closed."""
    try:
        yield engine
    finally:
        close = getattr(engine, "close", None)
        if close is not None:
            close()


def _opener(name: str) -> Any:
    """What opens the engine of this name."""
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if name not in registered:
        raise SearchError(
            f"No engine is called {name!r}; installed are: {', '.join(sorted(registered))}. A package adds "
            f"one under the entry point group {GROUP}."
        )
    try:
        return registered[name].load()
    except (ImportError, AttributeError) as error:
        package = str(getattr(error, "name", "")).partition(".")[0]
        if isinstance(error, ModuleNotFoundError) and package in EXTRAS:
            raise MissingPackageError(package) from error
        raise SearchError(
            f"The engine {name!r} ({registered[name].value}) cannot be imported: {error}."
        ) from error


def ask_model(
    model: "TensorSource",
    examples: Sequence[Example],
    *,
    options: EngineOptions,
    alpha: float,
    name: str = DEFAULT,
    python: str | None = None,
) -> Iterator[Response]:
    """Ask a model every input, greedily, in its own architecture.

    Args:
        model: the checkpoint, with its weights.
        examples: the inputs.
        options: how it answers.
        alpha: what the answers go by.
        name: of the engine.
        python: the interpreter of an engine that runs in an environment of its own.

    Raises:
        SearchError: it cannot be loaded or asked; the message says why.
    """
    asked = ModelItself(model, options=options, alpha=alpha, name=name, python=python)
    with closing(asked):
        for start in range(0, len(examples), AT_ONCE):
            yield from asked.answer(examples[start : start + AT_ONCE])


class ModelItself:
    """A model that answers as it is, in its own architecture."""

    def __init__(
        self,
        model: "TensorSource",
        *,
        options: EngineOptions,
        alpha: float,
        name: str = DEFAULT,
        python: str | None = None,
    ) -> None:
        """Load it; the arguments are those of `ask_model`.

        Args:
            model: the checkpoint, with its weights.
            options: how it answers.
            alpha: what the answers go by.
            name: of the engine.
            python: the interpreter of an engine that runs in an environment of its own.

        Raises:
            SearchError: it cannot be loaded; the message says why.
        """
        self._engine: Any = open_engine(EngineRequest(model, (), options, python=python), name=name)
        # Without a weight that moves this only says what the answers go by.
        self._engine.load_weights(alpha, model.tensor)

    def answer(self, examples: Sequence[Example]) -> Iterator[Response]:
        """Its greedy answers; nothing is kept of the inputs before these.

        Raises:
            SearchError: it cannot be asked.
        """
        if hasattr(self._engine, "forget"):
            self._engine.forget()
        self._engine.prepare(examples)
        yield from self._engine.answer([example.id for example in examples])

    def close(self) -> None:
        """Let go of it: the next model may need the memory."""
        with closing(self._engine):
            self._engine = None
        gc.collect()
