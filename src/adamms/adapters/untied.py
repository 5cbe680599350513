"""A tied model whose embeddings or head an adapter trained as a whole: from then on they are two tables.

PEFT's `modules_to_save` trains a copy of the module. The copy takes the module's place, and what was tied to
it keeps the old values, as `merge_and_unload` leaves them. So the model gets the head that it shared until
then, for the adapter to replace the one or the other.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from adamms.adapters.adapter import Adapter
from adamms.checkpoints import TensorSource
from adamms.checkpoints.computed_tensors import ComputedTensors, read_values
from adamms.checkpoints.floats import Values
from adamms.checkpoints.tensor_info import UNPLACED

EMBEDDINGS, HEAD = "embed_tokens.weight", "lm_head.weight"
TIED = "tie_word_embeddings"
# The decoder inside a model that has the head.
DECODER = re.compile(r"(?:(?<![^.])model\.)?(?:language_model|text_model)\.$|(?<![^.])model\.$")


def untied_for(model: TensorSource, adapter: Adapter) -> TensorSource:
    """The model that an adapter changes: with a head of its own, if the adapter unties it."""
    trained = any(name.endswith((EMBEDDINGS, HEAD)) for name in adapter.replacements)
    embeddings = [name for name in model.tensors if name.endswith(EMBEDDINGS)]
    stored = any(name.endswith(HEAD) for name in model.tensors)
    if not trained or stored or len(embeddings) != 1 or not _is_tied(model.config):
        return model
    return UntiedModel(model, embeddings[0])


class UntiedModel(ComputedTensors):
    """A model of tied embeddings with their values as a head of its own."""

    def __init__(self, model: TensorSource, embeddings: str) -> None:
        """Untie a model.

        Args:
            model: the model, which stores no head.
            embeddings: its embedding table.
        """
        self._embeddings = embeddings
        info = model.tensors[embeddings]
        head = replace(info, name=_head_beside(embeddings), offset=UNPLACED)
        super().__init__(model, tensors={**model.tensors, head.name: head}, own=(head.name,))
        self.config = _untied(model.config)

    def compute(self, name: str, start: int, count: int) -> Values:
        """Values of the head."""
        return read_values(self.inner, self._embeddings, start, count)


def _head_beside(embeddings: str) -> str:
    """`lm_head.weight` for `model.` and `model.language_model.`, inside what wraps a complete model."""
    prefix = embeddings.removesuffix(EMBEDDINGS)
    return f"{DECODER.sub('', prefix)}{HEAD}"


def _is_tied(config: Mapping[str, Any]) -> bool:
    """Whether a model that stores no head is tied: all are but those that say no, as embedding models do."""
    nested = next(
        (value[TIED] for value in config.values() if isinstance(value, dict) and TIED in value), None
    )
    return config.get(TIED, nested) is not False


def _untied(config: Mapping[str, Any]) -> dict[str, Any]:
    inner = {
        key: {**value, TIED: False}
        for key, value in config.items()
        if isinstance(value, dict) and TIED in value
    }
    return {**config, **inner, TIED: False}
