"""All candidates, one after the other, in one live model (section 3.3, step 3 of figure 2).

The engine is opened when the first question is asked, so a search whose answers are all known loads nothing.
Nothing is written here: the weights move in memory, the answers go to the caller.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adamms.answering.engine import (
    Engine,
    EngineRequest,
    GivenAnswer,
    Likelihood,
    ScoringEngine,
    closing,
    open_engine,
)
from adamms.errors import SearchError
from adamms.responses.inputs import Example
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from adamms.answering.engine import EngineOptions
    from adamms.merging import MergeInputs, Method
    from adamms.merging.spread import SpreadMerger
    from adamms.merging.tensors import TensorMerger


@dataclass(frozen=True)
class Merge:
    """What a live model can become: models, how they are merged, and the alpha that its answers go by."""

    inputs: "MergeInputs"
    method: "Method"
    alpha: float


EngineOpener = Callable[[Sequence[str], Callable[[], Merge]], Engine]
"""From the tensors that merges change, and what tells the merge at hand, to the engine that answers."""


class Sweep:
    """Merges of one base answering in turn: one live model for all of them."""

    def __init__(
        self,
        inputs: "MergeInputs",
        examples: Sequence[Example],
        *,
        method: "Callable[[float], Method]",
        engine: EngineOpener,
        others: Sequence[Merge] = (),
        resident: str = "auto",
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            inputs: the models; the base's architecture answers, from a local folder with its weights.
            examples: all questions that may be asked.
            method: alpha -> the merge method of that candidate.
            engine: opens what answers (`transformers_opener`, mostly).
            others: further merges of this base that may be asked beside the candidates.
            resident: whether the parents are held in memory: `mapped`, `resident` or `auto`.
            say: told in a line where the parents are.
        """
        self._inputs = inputs
        self._examples = {example.id: example for example in examples}
        self._method = method
        self._others = tuple(others)
        self._open_engine = engine
        self._engine: Engine | None = None
        self._resident, self._say = resident, say
        self._mergers: dict[int, TensorMerger | SpreadMerger] = {}
        self._prepared: dict[str, tuple[str, ...]] = {}
        self._loaded: Merge | None = None

    def ask(self, wanted: Mapping[float, Sequence[str]]) -> Iterator[Response]:
        """Ask each candidate its questions: alpha -> input ids.

        Candidates come in the order given, from the end where the model stands at the last one, so that no
        weight moves for it.

        Raises:
            SearchError: the base cannot be loaded or asked; the message says why.
        """
        rest = [(self._candidate(alpha), list(ids)) for alpha, ids in wanted.items() if ids]
        if rest and rest[-1][0] == self._loaded:
            rest.reverse()
        for merge, ids in rest:
            # All that will be asked is prepared at once: images are encoded in batches.
            yield from self._at(merge, (id_ for _, asked in rest for id_ in asked)).answer(ids)

    def ask_other(self, merge: Merge, ids: Sequence[str]) -> Iterator[Response]:
        """Ask one of the further merges.

        Raises:
            SearchError: the base cannot be loaded or asked; the message says why.
        """
        if ids:
            yield from self._at(merge, ids).answer(ids)

    def read(
        self, wanted: Mapping[float, Mapping[str, Sequence[GivenAnswer]]]
    ) -> Iterator[tuple[float, str, tuple[Likelihood, ...]]]:
        """How probable each candidate finds given answers: nothing is generated.

        Args:
            wanted: alpha -> input id -> answers.

        Yields:
            Alpha, input id, how probable each of the answers is.

        Raises:
            SearchError: the engine cannot tell, or the base cannot be loaded or asked.
        """
        rest = [(self._candidate(alpha), answers) for alpha, answers in wanted.items() if answers]
        for merge, answers in rest:
            engine = self._at(merge, (id_ for _, read in rest for id_ in read))
            for id_, likelihoods in scoring(engine).log_probabilities(answers):
                yield merge.alpha, id_, likelihoods

    def read_other(
        self, merge: Merge, answers: Mapping[str, Sequence[GivenAnswer]]
    ) -> Iterator[tuple[str, tuple[Likelihood, ...]]]:
        """How probable one of the further merges finds given answers.

        Raises:
            SearchError: the engine cannot tell, or the base cannot be loaded or asked.
        """
        if answers:
            yield from scoring(self._at(merge, answers)).log_probabilities(answers)

    def close(self) -> None:
        """Let go of the engine, and end what it holds beside memory: a process, a connection."""
        with closing(self._engine):
            self._engine, self._loaded = None, None
            self._prepared.clear()
            self._mergers.clear()

    def _candidate(self, alpha: float) -> Merge:
        return Merge(self._inputs, self._method(alpha), alpha)

    def _at(self, merge: Merge, ids: Iterable[str]) -> Engine:
        """The engine, these questions prepared, having become a merge."""
        engine = self._opened(merge)
        wanted = frozenset(ids)
        together = tuple(id_ for id_ in self._examples if id_ in wanted)
        # Images that are encoded in other company differ in their last digits, so what is asked together is
        # prepared together, whatever was prepared before.
        if any(self._prepared.get(id_) != together for id_ in together):
            engine.prepare([self._examples[id_] for id_ in together])
            self._prepared |= dict.fromkeys(together, together)
        if merge != self._loaded:
            self._loaded = None  # between two merges it is neither
            # An engine in another process merges there, and torch is not even imported here.
            merges_itself = getattr(engine, "merges_itself", False)
            weights: Any = merge if merges_itself else self._merger_of(merge).candidate(merge.method)
            self._loaded = merge
            try:
                engine.load_weights(merge.alpha, weights)
            except BaseException:
                self._loaded = None
                raise
        return engine

    def _opened(self, merge: Merge) -> Engine:
        if self._engine is None:
            changed = [frozenset(other.inputs.changed(other.method)) for other in (merge, *self._others)]
            names = [name for name in self._inputs.base.tensors if any(name in part for part in changed)]
            self._engine = self._open_engine(names, self._current)
        return self._engine

    def _current(self) -> Merge:
        assert self._loaded is not None
        return self._loaded

    def _merger_of(self, merge: Merge) -> "TensorMerger | SpreadMerger":
        # Late: torch takes seconds, and a search that is finished does not need it.
        from adamms.merging.parent_store import CachedParents, choose_parent_store
        from adamms.merging.tensors import TensorMerger

        other = merge in self._others
        key = self._others.index(merge) if other else -1
        if key not in self._mergers:
            held = None
            device = getattr(self._engine, "device", None)
            devices = getattr(self._engine, "devices", ())
            if len(devices) > 1:
                # Late: most models lie on one device.
                from adamms.merging.spread import SpreadMerger

                self._mergers[key] = SpreadMerger(merge.inputs, merge.method, devices)
                if self._say is not None and not other:
                    places = ", ".join(map(str, devices))
                    self._say(f"The parents are read from their files for every candidate, for {places}.")
                return self._mergers[key]
            # Candidates alone come again and again: only for them it pays to hold the models.
            if device is not None and not other:
                held, message = choose_parent_store(
                    merge.inputs, merge.method, device=device, wanted=self._resident
                )
                if self._say is not None:
                    self._say(message)
                grow_pool = getattr(self._engine, "grow_pool", None)
                if isinstance(held, CachedParents) and not held.on_cpu and grow_pool is not None:
                    grow_pool()
            self._mergers[key] = TensorMerger(merge.inputs, store=held)
        return self._mergers[key]


def scoring(engine: Engine) -> ScoringEngine:
    """The engine, if it can tell how probable an answer is.

    Raises:
        SearchError: it cannot.
    """
    if not hasattr(engine, "log_probabilities"):
        raise SearchError(
            f"{type(engine).__name__} cannot tell how probable it finds an answer, transformers can."
        )
    return engine  # type: ignore[return-value]


def transformers_opener(inputs: "MergeInputs", options: "EngineOptions") -> EngineOpener:
    """Opens the base with transformers, in this process."""
    return lambda changed, current: open_engine(EngineRequest(inputs.base, changed, options))
