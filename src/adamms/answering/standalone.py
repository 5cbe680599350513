"""A model answers as it is: nothing is merged and no weight moves.

The donor of a search, which is asked once by itself, and any model that is evaluated. Knows no labels and no
files of answers.
"""

import gc
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from adamms.answering.engine import EngineOptions, EngineRequest, open_engine
from adamms.responses.inputs import Example
from adamms.responses.responses import Response

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

AT_ONCE = 256
"""Inputs prepared together: what their pictures become must fit in memory."""


def ask_model(
    model: "TensorSource", examples: Sequence[Example], *, options: EngineOptions, alpha: float
) -> Iterator[Response]:
    """Ask a model every input, greedily, in its own architecture.

    Args:
        model: the checkpoint, with its weights.
        examples: the inputs.
        options: how it answers.
        alpha: what the answers go by.

    Raises:
        SearchError: it cannot be loaded or asked; the message says why.
    """
    engine = open_engine(EngineRequest(model, (), options))
    # Without a weight that moves this only says what the answers go by.
    engine.load_weights(alpha, model.tensor)
    try:
        for start in range(0, len(examples), AT_ONCE):
            part = examples[start : start + AT_ONCE]
            if hasattr(engine, "forget"):
                engine.forget()
            engine.prepare(part)
            yield from engine.answer([example.id for example in part])
    finally:
        # The next model may need the memory that this one leaves.
        del engine
        gc.collect()
