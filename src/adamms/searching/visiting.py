"""One live model that is moved to whatever merge is asked for next, when that is not known beforehand.

A sweep (`sweep.py`) knows all its candidates; a walk decides on each from the answers to the last. The model
is loaded and its questions prepared when the first answer is needed, so a walk whose answers are all known
loads nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from adamms.searching.inputs import Example
from adamms.searching.responses import Response

if TYPE_CHECKING:
    from adamms.merging import Method, Parents
    from adamms.merging.tensors import TensorMerger
    from adamms.searching.generation import Generator


class Visitor:
    """Asks one merge after the other."""

    def __init__(
        self,
        parents: "Parents",
        examples: Sequence[Example],
        *,
        generator: "Generator | None" = None,
        **options: Any,
    ) -> None:
        """What to ask, and whom.

        Args:
            parents: the models; the base's architecture answers.
            examples: the questions.
            generator: another engine; transformers in this process when left out.
            **options: of the engine, as in `sweep`.
        """
        self._parents = parents
        self._examples = examples
        self._engine = generator
        self._options = options
        self._merger: TensorMerger | None = None

    def answers(self, method: "Method", ids: Collection[str]) -> Iterator[Response]:
        """The answers of one merge to these questions, in any order.

        Raises:
            SearchError: the base cannot be loaded or asked; the message says why.
        """
        # Late: torch and transformers take seconds.
        from adamms.merging.tensors import TensorMerger
        from adamms.searching.sweep import transformers_generator

        if self._merger is None:
            self._merger = TensorMerger(self._parents)
            self._engine = self._engine or transformers_generator(
                self._parents.base, self._parents.changed(method), **self._options
            )
            self._engine.prepare(self._examples)
        assert self._engine is not None
        self._engine.move(0.0, partial(self._merger.merged, method=method))
        yield from self._engine.answer(ids)
