"""One whole merged tensor in memory, for moving a live model from candidate to candidate.

The values come out of the same `BlockMerger` as the written checkpoint's, so what the search answers with is
what the merge writes.
"""

from typing import TYPE_CHECKING

import torch

from adamms.merging.blocks import BlockMerger, blocks_of, torch_dtype

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint
    from adamms.mapping import MappedDonor
    from adamms.merging.methods import Method


def merged_tensor(
    base: "Checkpoint", donor: "Checkpoint", name: str, *, mapped: "MappedDonor", method: "Method"
) -> torch.Tensor:
    """The merged tensor under a base name: the base's shape, rounded once to the base's dtype.

    Raises:
        MergeError: a source holds NaN or infinity, or a dtype that cannot be interpolated.
    """
    info = base.tensors[name]
    flat = torch.empty(info.numel, dtype=torch_dtype(info, base.source))
    merger = BlockMerger(base, donor, method)
    for block in blocks_of(info, mapped):
        merger.merge(block, flat[block.start : block.start + block.count])
    return flat.view(info.shape)
