"""One live model that is moved to whatever merge is asked for next, when that is not known beforehand.

A sweep (`sweep.py`) is told its candidates; a walk decides on each from the answers to the last. Nothing is
loaded before the first answer is needed, so a walk whose answers are all known loads nothing.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from adamms.responses.inputs import Example
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from adamms.merging import Method, Parents


class Visitor:
    """Asks one merge after the other."""

    def __init__(self, parents: "Parents", examples: Sequence[Example], **options: Any) -> None:
        """What to ask, and whom.

        Args:
            parents: the models; the base's architecture answers.
            examples: the questions.
            **options: of the engine, as in `Sweep`.
        """
        # Late: who only reads what a walk left needs no engine.
        from adamms.answering.sweep import Sweep

        # A sweep knows its candidates by numbers; here they are the visits'.
        self._methods: dict[float, Method] = {}
        self._sweep = Sweep(parents, examples, method=self._methods.__getitem__, **options)

    def answers(self, method: "Method", ids: Collection[str]) -> Iterator[Response]:
        """The answers of one merge to these questions, in any order.

        Raises:
            SearchError: the base cannot be loaded or asked; the message says why.
        """
        visit = float(len(self._methods))
        self._methods[visit] = method
        yield from self._sweep.ask({visit: list(ids)})
