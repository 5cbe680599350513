"""Models as users name them, `MODEL+ADAPTER` included: LoRA and DoRA folded into tensors while they are read.

open_model --> Checkpoint                      what lies on disk
               AdaptedModel(Checkpoint, Adapter)   the same names and shapes, other values
"""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.checkpoints import Checkpoint
from adamms.checkpoints.saved_forms import check_saved_whole, find_packed
from adamms.checkpoints.sources import PLUS, exists, is_a_name, is_text, parts_of
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

__all__ = ["open_model"]


def open_model(source: str | Path, *, revision: str | None = None, download: bool = False) -> "TensorSource":
    """Open a model by reading its headers.

    Args:
        source: a folder, or a hub id `owner/name` or `owner/name@revision`; with a PEFT adapter behind a plus
            sign, `model+adapter`, the model as the adapter changes it.
        revision: a hub branch, tag or commit; the model's, not an adapter's.
        download: fetch a hub model's weights as well, so that tensors can be read; otherwise only its headers
            and small files are fetched.

    Raises:
        CheckpointError: there is no such model or adapter, it is malformed, or they do not fit.
    """
    name, *adapters = parts_of(str(source))
    if not adapters and PLUS in name and is_text(name) and not exists(name):
        strange = next((part for part in name.split(PLUS) if not is_a_name(part)), "")
        raise CheckpointError(
            f"There is no folder {name}, and as MODEL+ADAPTER it cannot be read: {strange!r} is neither a "
            "folder nor a hub id."
        )
    with ExitStack() as opened:
        model: TensorSource = opened.enter_context(
            Checkpoint.open(name if adapters else source, revision=revision, download=download)
        )
        check_saved_whole(model)
        packed = find_packed(model)
        if packed:
            # Late, as below: few models are quantised, and unpacking needs numpy.
            from adamms.checkpoints.dequantized import DequantizedModel

            model = DequantizedModel(model, packed)
        if adapters:
            # Late: folding needs numpy, and reading headers does not.
            from adamms.adapters.adapted import AdaptedModel
            from adamms.adapters.adapter import Adapter
            from adamms.adapters.untied import untied_for
        for adapter in adapters:
            trained = Adapter.open(adapter, download=download)
            model = opened.enter_context(AdaptedModel(untied_for(model, trained), trained))
        opened.pop_all()
    return model
