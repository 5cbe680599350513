"""Numpy and torch give the same bits, rounding is to the nearest and ties to even, and torch stays away."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adamms.checkpoints import Checkpoint, CheckpointWriter
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MappedCheckpoint, MergeInputs, all_methods, cpu_kernel, make_method
from adamms.merging.backends import choose_backend
from adamms.merging.dtypes import ITEMSIZES, count_nan, count_not_finite
from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import call
from adamms.merging.numpy_backend import NumpyBackend
from adamms.merging.statistics import elements_to_reduce
from adamms.merging.stream import stream_merge
from adamms.merging.tensors import TensorMerger
from adamms.merging.torch_backend import TORCH_DTYPES, TorchBackend
from method_settings import SETTINGS
from small_pairs import write_llava_onevision, write_qwen2_vl

NUMPY = [method.name for method in all_methods() if method.arrays == "any"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A base, a donor and the donor's like with other weights as their ancestor."""
    root = tmp_path_factory.mktemp("values")
    return (
        write_qwen2_vl(root / "base"),
        write_llava_onevision(root / "donor", dtype=torch.bfloat16),
        write_llava_onevision(root / "ancestor", seed=5, dtype=torch.bfloat16),
    )


def parents_of(opened: list[Checkpoint]) -> MergeInputs:
    base, donor, ancestor = opened
    views = [
        MappedCheckpoint(each, MappedDonor(map_parameters(base, each), base, each))
        for each in (donor, ancestor)
    ]
    return MergeInputs(base, (views[0],), views[1])


@pytest.mark.parametrize("name", NUMPY)
def test_what_numpy_writes_is_what_torch_computes(
    name: str, models: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_kernel, "library", lambda: None)
    opened = [Checkpoint.open(path) for path in models]
    parents = parents_of(opened)
    for number, given_settings in enumerate(SETTINGS[name]):
        method = make_method(name, given_settings)
        assert isinstance(choose_backend(parents, method), NumpyBackend)
        out = tmp_path / str(number)
        stream_merge(parents, method=method, writer=(writer := CheckpointWriter(out, opened[0])))
        writer.finish()
        live = TensorMerger(parents)
        with Checkpoint.open(out) as written:
            for tensor in parents.changed(method):
                assert torch.equal(live.merged(tensor, method), written.tensor(tensor)), tensor
    for each in opened:
        each.close()


def test_float16_is_left_to_torch_without_compiled_code(
    models: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cpu_kernel, "library", lambda: None)
    half = write_qwen2_vl(tmp_path / "half", dtype=torch.float16)
    opened = [Checkpoint.open(path) for path in (half, *models[1:])]
    assert isinstance(choose_backend(parents_of(opened), make_method("linear", {"alpha": 0.5})), TorchBackend)
    for each in opened:
        each.close()


def test_merging_bfloat16_imports_no_torch(models: tuple[Path, Path, Path], tmp_path: Path) -> None:
    code = (
        "import sys, adamms; adamms.merge(*sys.argv[1:3], sys.argv[3], alpha=0.3, force=True); "
        "assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", code, *map(str, models[:2]), str(tmp_path / "out")]
    subprocess.run(command, check=True, env=os.environ)


# Every upper half of a float32 with lower halves around the tie.
EDGES = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)


def test_bfloat16_is_rounded_to_the_nearest_and_ties_to_even() -> None:
    upper = np.arange(1 << 16, dtype=np.uint32)
    bits = (upper[:, None] << 16 | EDGES).reshape(-1)
    values = bits[(bits & 0x7F80_0000) != 0x7F80_0000].view(np.float32)
    out = np.empty(2 * len(values), np.uint8)
    NumpyBackend().store(values, out, "BF16")
    expected = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy()
    np.testing.assert_array_equal(out.view(np.int16), expected)


@pytest.mark.parametrize("dtype", list(ITEMSIZES))
def test_stored_values_are_widened_exactly_and_counted(dtype: str) -> None:
    numbers = torch.tensor([0.5, -3.0, float("nan"), float("inf"), -float("inf"), -0.0, 1e-3])
    raw = numbers.to(TORCH_DTYPES[dtype]).view(torch.uint8).numpy()
    assert (count_nan(raw, dtype), count_not_finite(raw, dtype)) == (1, 3)
    for double in (False, True):
        into = np.empty(8 * len(numbers), np.uint8)
        ours = NumpyBackend().widened(raw.copy(), dtype, into, double=double)
        theirs = TorchBackend().widened(raw.copy(), dtype, into.copy(), double=double).numpy()
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@given(st.integers(0, 2**32 - 1), st.floats(0.001, 1), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_bracket_gives_the_kth_largest_or_nothing(seed: int, density: float, misled: bool) -> None:
    random = np.random.default_rng(seed)
    values = (random.standard_normal(5000) * 10.0 ** random.integers(-3, 4)).astype(np.float32)
    rank = max(1, int(density * len(values)))
    sample, bracket, upper, lower = magnitude_reductions(
        lambda models: models, lambda count: (max(1, int(density * count)),), scope="model"
    )
    seen = values[:700] * np.float32(1000) if misled else values
    statistics: dict[str, Any] = {"models": [values]}
    statistics |= call(sample.finalize, {"total": call(sample.map, {"models": [seen]})})
    begun = call(bracket.map, {**statistics, "models": [values[:9]]})
    total = call(bracket.map, {**statistics, "models": [values[9:]], "accumulated": begun})
    found = call(bracket.finalize, {**statistics, "total": total, "count": len(values)})
    expected = float(np.sort(np.abs(values))[::-1][rank - 1])
    assert found == ({} if misled else {"magnitudes": ((expected,),)})
    assert upper.skip_if == lower.skip_if == "magnitudes"
    for one in (upper, lower):
        statistics |= call(one.finalize, {**statistics, "total": call(one.map, statistics)})
    assert statistics["magnitudes"] == ((expected,),)


def test_only_certain_passes_are_announced(models: tuple[Path, Path, Path]) -> None:
    opened = [Checkpoint.open(path) for path in models]
    parents = parents_of(opened)
    linear = sum(
        info.numel for info in opened[0].tensors.values() if info.name in parents.changed(_ties("global"))
    )
    assert linear <= elements_to_reduce(parents, _ties("global")) < 2 * linear
    assert elements_to_reduce(parents, _ties("tensor")) == 0
    for each in opened:
        each.close()


def _ties(trim: str) -> Any:
    return make_method("ties", {"density": 0.3, "trim": trim})
