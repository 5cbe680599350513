"""Why a model's answers are no numbers: a tensor that holds NaN or infinity, or an overflow on the way.

A model whose logits are NaN still answers, with whatever token comes first. Merging refuses such values in
what it moves; a tensor that is kept reaches the live model as it is.
"""

from typing import TYPE_CHECKING, Any

import torch

from adamms.answering.target_parameters import target_parameters
from adamms.errors import SearchError

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource


def non_finite_tensor(model: Any, source: "TensorSource") -> str | None:
    """The first live tensor that holds what is no number, as it is called on disk; None if none."""
    for live, tensor in model.state_dict().items():
        if not tensor.is_floating_point() or tensor.is_meta or bool(torch.isfinite(tensor).all()):
            continue
        for target in target_parameters(model, list(source.tensors)):
            if target.live == live:
                name = target.sources[0]
                return f"{name} of {source.tensors[name].shard}"
        return str(live)
    return None


def refuse_no_numbers(model: Any, source: "TensorSource", *, unchanged: bool) -> None:
    """Say why a live model's logits are no numbers.

    Args:
        model: the live model.
        source: the checkpoint that it was loaded from.
        unchanged: whether it has the checkpoint's own weights; a candidate of which only the arithmetic
            overflows is no reason to end a search, and is judged by its answers.

    Raises:
        SearchError: with the tensor that is the reason, or the arithmetic if there is none.
    """
    tensor = non_finite_tensor(model, source)
    if tensor is not None:
        raise SearchError(
            f"{source.source} answers with NaN instead of numbers: {tensor} holds NaN or infinity. Fetch the "
            "checkpoint again, or take another."
        )
    if unchanged:
        raise SearchError(
            f"{source.source} answers with NaN instead of numbers, though none of its tensors holds any: its "
            f"arithmetic overflows in {str(model.dtype).removeprefix('torch.')}; try --dtype bfloat16 or "
            "float32."
        )
