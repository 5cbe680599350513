"""What a block's reader gives of all parents."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from adamms.merging import make_method
from adamms.merging.blocks import Block, BlockReader
from small_families import opened

BIAS = "model.layers.0.self_attn.k_proj.bias"
UP = "model.layers.0.mlp.up_proj.weight"
BY_ROWS = make_method("nuslerp", {"alpha": 0.3, "over": "rows"})


@pytest.mark.parametrize(
    ("name", "count", "width"),
    [(BIAS, None, None), (BIAS, 3, 3), (UP, None, "columns")],
    ids=["a whole bias", "a part of a bias", "a matrix"],
)
def test_a_part_of_a_one_dimensional_tensor_is_a_row_of_its_own(
    folders: dict[str, Path], name: str, count: int | None, width: int | str | None
) -> None:
    with ExitStack() as models:
        inputs = opened(models, folders, "donor")
        info = inputs.base.tensors[name]
        block = Block(name, 0, count or info.numel, ((f"language_model.{name}", 0),))
        expected = {None: info.numel, "columns": info.shape[-1]}.get(width, width)
        assert BlockReader(inputs, BY_ROWS).read(block).width == expected


def test_a_donor_that_lacks_rows_counts_as_unchanged(folders: dict[str, Path]) -> None:
    with ExitStack() as models:
        inputs = opened(models, folders, "donor", "other", pretrained="pretrained")
        lacking = Block(UP, 32, 64, ((f"language_model.{UP}", 32), None, (UP, 32)))
        block = BlockReader(inputs, make_method("task_arithmetic", {})).read(lacking)
        assert block.pretrained is not None
        np.testing.assert_array_equal(block.models[2].raw, block.pretrained.raw)
        without = Block(UP, 32, 64, ((f"language_model.{UP}", 32), None))
        block = BlockReader(inputs, make_method("linear", {"alpha": 0.3})).read(without)
        assert block.pretrained is None
        np.testing.assert_array_equal(block.models[2].raw, block.models[0].raw)
        expected = inputs.base.tensor(UP).reshape(-1)[32:96].float().numpy()
        np.testing.assert_array_equal(block.models[0].raw.view(np.uint16), _upper_half(expected))


def _upper_half(values: np.ndarray) -> np.ndarray:
    return (values.view(np.uint32) >> 16).astype(np.uint16)
