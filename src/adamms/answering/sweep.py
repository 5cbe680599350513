"""All candidates, one after the other, in one live model (section 3.3, step 3 of figure 2).

The engine is opened when the first question is asked, so a search whose answers are all known loads nothing.
Nothing is written here: the weights move in memory, the answers go to the caller.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from adamms.answering.engine import Engine, EngineRequest, GivenAnswer, Likelihood, ScoringEngine, open_engine
from adamms.errors import SearchError
from adamms.responses.inputs import Example
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from adamms.answering.engine import EngineOptions
    from adamms.merging import MergeInputs, Method
    from adamms.merging.tensors import TensorMerger

EngineOpener = Callable[[Sequence[str]], Engine]
"""From the tensors that candidates change to the engine that answers."""


class Sweep:
    """Candidates answering in turn: one live model for all of them."""

    def __init__(
        self,
        parents: "MergeInputs",
        examples: Sequence[Example],
        *,
        method: "Callable[[float], Method]",
        engine: EngineOpener,
        resident: str = "auto",
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            parents: the models; the base's architecture answers, from a local folder with its weights.
            examples: all questions that may be asked.
            method: alpha -> the merge method of that candidate.
            engine: opens what answers (`transformers_opener`, mostly).
            resident: whether the parents are held in memory: `mapped`, `resident` or `auto`.
            say: told in a line where the parents are.
        """
        self._parents = parents
        self._examples = {example.id: example for example in examples}
        self._method = method
        self._open_engine = engine
        self._engine: Engine | None = None
        self._resident, self._say = resident, say
        self._merger: TensorMerger | None = None
        self._prepared: dict[str, None] = {}
        self._loaded: float | None = None

    def ask(self, wanted: Mapping[float, Sequence[str]]) -> Iterator[Response]:
        """Ask each candidate its questions: alpha -> input ids.

        Candidates come in the order given, from the end where the model stands at the last one, so that no
        weight moves for it.

        Raises:
            SearchError: the base cannot be loaded or asked; the message says why.
        """
        rest = [(alpha, list(ids)) for alpha, ids in wanted.items() if ids]
        if rest and rest[-1][0] == self._loaded:
            rest.reverse()
        for alpha, ids in rest:
            # All that will be asked is prepared at once: images are encoded in batches.
            engine = self._at(alpha, (id_ for _, asked in rest for id_ in asked))
            yield from engine.answer(ids)

    def read(
        self, wanted: Mapping[float, Mapping[str, Sequence[GivenAnswer]]]
    ) -> Iterator[tuple[float, str, tuple[Likelihood, ...]]]:
        """How probable each candidate finds given answers: one forward pass, and nothing is generated.

        Args:
            wanted: alpha -> input id -> answers.

        Yields:
            Alpha, input id, how probable each of the answers is.

        Raises:
            SearchError: the engine cannot tell, or the base cannot be loaded or asked.
        """
        rest = [(alpha, answers) for alpha, answers in wanted.items() if answers]
        for alpha, answers in rest:
            engine = self._at(alpha, (id_ for _, read in rest for id_ in read))
            for id_, likelihoods in scoring(engine).log_probabilities(answers):
                yield alpha, id_, likelihoods

    def _at(self, alpha: float, ids: Iterable[str]) -> Engine:
        """The engine, these questions prepared, at a candidate."""
        engine, merger = self._opened(alpha)
        fresh = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._prepared]
        if fresh:
            known = frozenset(fresh)
            engine.prepare([example for id_, example in self._examples.items() if id_ in known])
            self._prepared |= dict.fromkeys(fresh)
        if alpha != self._loaded:
            self._loaded = None  # between two candidates it is neither
            engine.load_weights(alpha, merger.candidate(self._method(alpha)))
            self._loaded = alpha
        return engine

    def _opened(self, alpha: float) -> "tuple[Engine, TensorMerger]":
        # Late: torch and transformers take seconds, and a search that is finished needs neither.
        from adamms.merging.parent_store import CachedParents, choose_parent_store
        from adamms.merging.tensors import TensorMerger

        method = self._method(alpha)
        if self._engine is None:
            self._engine = self._open_engine(self._parents.changed(method))
        if self._merger is None:
            held = None
            device = getattr(self._engine, "device", None)
            if device is not None:
                held, message = choose_parent_store(
                    self._parents, method, device=device, wanted=self._resident
                )
                if self._say is not None:
                    self._say(message)
                grow_pool = getattr(self._engine, "grow_pool", None)
                if isinstance(held, CachedParents) and not held.on_cpu and grow_pool is not None:
                    grow_pool()
            self._merger = TensorMerger(self._parents, store=held)
        return self._engine, self._merger


def scoring(engine: Engine) -> ScoringEngine:
    """The engine, if it can tell how probable an answer is.

    Raises:
        SearchError: it cannot.
    """
    if not hasattr(engine, "log_probabilities"):
        raise SearchError(
            f"{type(engine).__name__} cannot tell how probable it finds an answer; transformers can."
        )
    return engine  # type: ignore[return-value]


def transformers_opener(parents: "MergeInputs", options: "EngineOptions") -> EngineOpener:
    """Opens the base with transformers, in this process."""
    return lambda changed: open_engine(EngineRequest(parents.base, changed, options))
