from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from adamms.checkpoints import Checkpoint
from adamms.mapping.weight_samples import RUN_ROWS, cosine, read_rows, sample_runs


@pytest.mark.parametrize(
    ("rows", "width", "elements"), [(4096, 4096, 65_536), (17, 1000, 16_000), (5, 9, 36)]
)
def test_runs_lie_inside_apart_and_are_the_same_every_time(rows: int, width: int, elements: int) -> None:
    runs = sample_runs(rows, width, elements=elements)
    assert runs == sample_runs(rows, width, elements=elements)
    assert all(stop - start == RUN_ROWS for start, stop in runs)
    assert runs[0][0] >= 0
    assert runs[-1][1] <= rows
    assert all(before[1] <= after[0] for before, after in pairwise(runs))
    assert sum(stop - start for start, stop in runs) * width <= elements


def test_few_rows_are_all_read() -> None:
    assert sample_runs(8, 10, elements=1000) == ((0, 8),)
    assert sample_runs(3, 10_000, elements=10) == ((0, 3),)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_rows_are_the_tensors_values(tmp_path: Path, dtype: torch.dtype) -> None:
    tensor = torch.randn(9, 5).to(dtype)
    save_file({"w": tensor, "v": tensor[:, 0].contiguous()}, tmp_path / "model.safetensors")
    with Checkpoint.open(tmp_path) as checkpoint:
        read = read_rows(checkpoint, "w", [(0, 2), (4, 5)], first=3)
        assert read.dtype == np.float32
        assert np.array_equal(read, tensor[[3, 4, 7]].float().flatten().numpy())
        assert np.array_equal(read_rows(checkpoint, "v", [(1, 4)]), tensor[1:4, 0].float().numpy())


def test_cosine() -> None:
    one = np.array([3.0, 4.0], dtype=np.float32)
    assert cosine(one, one) == pytest.approx(1)
    assert cosine(one, -2 * one) == pytest.approx(-1)
    assert cosine(one, np.array([4.0, -3.0], dtype=np.float32)) == pytest.approx(0)
    assert cosine(one, np.array([1.0, 0.0], dtype=np.float32)) == pytest.approx(0.6)
    for strange in ([0, 0], [np.nan, 1], [np.inf, 1]):
        assert cosine(one, np.array(strange, dtype=np.float32)) is None
