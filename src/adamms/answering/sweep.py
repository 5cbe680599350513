"""All candidates, one after the other, in one live model (section 3.3, step 3 of figure 2).

Every candidate answers every question; answers come as they are done and those of an interrupted search are
not asked again. Nothing is written here: the weights move in memory, the answers go to the caller.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from adamms.errors import SearchError
from adamms.responses.inputs import Example
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from adamms.answering.transformers_engine import Engine, ScoringEngine
    from adamms.checkpoints import TensorSource
    from adamms.merging import MergeInputs, Method
    from adamms.merging.tensors import TensorMerger


def sweep(
    parents: "MergeInputs",
    examples: Sequence[Example],
    alphas: Sequence[float],
    *,
    method: "Callable[[float], Method]",
    skip: Collection[tuple[float, str]] = (),
    max_new_tokens: int = 64,
    batch_size: int | None = None,
    device: str | None = None,
    dtype: str | None = None,
    trust_remote_code: bool = False,
    vision_tower: str | None = None,
    generator: "Engine | None" = None,
    resident: str = "auto",
    say: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[Response]:
    """Ask every candidate every question.

    Args:
        parents: the models; the base's architecture answers, from a local folder with its weights.
        examples: the questions.
        alphas: the candidates, in the order in which they are asked.
        method: alpha -> the merge method of that candidate.
        skip: pairs of alpha and question id that are answered already.
        max_new_tokens: the longest answer.
        batch_size: prompts a prefill, halved where memory does not suffice; by their length when left out.
        device: a torch device; the GPU where there is one when left out.
        dtype: of the arithmetic; float32 on a CPU, the checkpoint's own on a GPU when left out.
        trust_remote_code: run the base's own Python files.
        vision_tower: folder or hub id of the vision tower, where the base's layout leaves it out.
        generator: another engine; transformers in this process when left out.
        resident: whether the parents are held in memory: `mapped`, `resident` or `auto`.
        say: told in a line where the parents are.
        progress: called with answers given so far, those skipped included, and all answers.

    Raises:
        SearchError: the base cannot be loaded or asked; the message says why.
    """
    skipped = frozenset(skip)
    wanted = {alpha: [each.id for each in examples if (alpha, each.id) not in skipped] for alpha in alphas}
    total = len(alphas) * len(examples)
    given = total - sum(map(len, wanted.values()))
    if progress is not None:
        progress(given, total)
    asking = Sweep(
        parents,
        examples,
        method=method,
        generator=generator,
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        vision_tower=vision_tower,
        resident=resident,
        say=say,
    )
    for response in asking.ask(wanted):
        given += 1
        if progress is not None:
            progress(given, total)
        yield response


class Sweep:
    """A sweep in rounds: one live model for all of them, loaded when the first question is asked."""

    def __init__(
        self,
        parents: "MergeInputs",
        examples: Sequence[Example],
        *,
        method: "Callable[[float], Method]",
        generator: "Engine | None" = None,
        resident: str = "auto",
        say: Callable[[str], None] | None = None,
        **options: Any,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            parents: as in `sweep`.
            examples: all questions that may be asked.
            method: alpha -> the merge method of that candidate.
            generator: another engine.
            resident: whether the parents are held in memory (`choose_parent_store`).
            say: told in a line where they are.
            **options: of the engine, as in `sweep`.
        """
        self._parents = parents
        self._examples = {example.id: example for example in examples}
        self._method = method
        self._options = options
        self._engine = generator
        self._resident, self._say = resident, say
        self._merger: TensorMerger | None = None
        self._prepared: dict[str, None] = {}
        self._at: float | None = None

    def ask(self, wanted: Mapping[float, Sequence[str]]) -> Iterator[Response]:
        """Ask each candidate its questions: alpha -> input ids.

        Candidates come in the order given, from the end where the model stands at the last one, so that a
        round begins without moving a weight.

        Raises:
            SearchError: the base cannot be loaded or asked; the message says why.
        """
        rest = [(alpha, list(ids)) for alpha, ids in wanted.items() if ids]
        if not rest:
            return
        asked = frozenset(id_ for _, ids in rest for id_ in ids)
        fresh = [id_ for id_ in self._examples if id_ in asked and id_ not in self._prepared]
        engine, merger = self._opened(rest[0][0])
        if fresh:
            engine.prepare([self._examples[id_] for id_ in fresh])
            self._prepared |= dict.fromkeys(fresh)
        if rest[-1][0] == self._at:
            rest.reverse()
        for alpha, ids in rest:
            if alpha != self._at:
                self._at = None  # between two candidates it is neither
                engine.load_weights(alpha, merger.candidate(self._method(alpha)))
                self._at = alpha
            yield from engine.answer(ids)

    def _opened(self, alpha: float) -> "tuple[Engine, TensorMerger]":
        # Late: torch and transformers take seconds, and a search that is finished needs neither.
        from adamms.merging.parent_store import CachedParents, choose_parent_store
        from adamms.merging.tensors import TensorMerger

        method = self._method(alpha)
        if self._engine is None:
            self._engine = _transformers(self._parents.base, self._parents.changed(method), **self._options)
        if self._merger is None:
            held = None
            device = getattr(self._engine, "device", None)
            if device is not None:
                held, told = choose_parent_store(self._parents, method, device=device, wanted=self._resident)
                if self._say is not None:
                    self._say(told)
                grow_pool = getattr(self._engine, "grow_pool", None)
                if isinstance(held, CachedParents) and not held.on_cpu and grow_pool is not None:
                    grow_pool()
            self._merger = TensorMerger(self._parents, held=held)
        return self._engine, self._merger


def _transformers(
    base: "TensorSource",
    changed: Sequence[str],
    *,
    max_new_tokens: int,
    batch_size: int | None,
    device: str | None,
    dtype: str | None,
    trust_remote_code: bool,
    vision_tower: str | None,
) -> "ScoringEngine":
    # Late: torch and transformers take seconds, and a search that is finished needs neither.
    from adamms.answering.transformers_engine import TransformersEngine

    if base.folder is None:
        raise SearchError(
            f"Only the headers of {base.source} were read; a search needs the whole checkpoint."
        )
    return TransformersEngine(
        base.folder,
        names=list(base.tensors),
        altered=base.computed,
        value=base.tensor,
        changed=list(changed),
        max_new_tokens=max_new_tokens,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        trust_remote_code=trust_remote_code,
        vision_tower=vision_tower,
    )
