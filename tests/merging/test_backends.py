"""All backends give the same bits, rounding is to the nearest and ties to even, and torch stays away."""

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
from adamms.merging.backends import NumpyBackend
from adamms.merging.blocks import RawBlock
from adamms.merging.dtypes import ITEMSIZES, RawTensor, count_nan, count_not_finite
from adamms.merging.magnitudes import magnitude_reductions
from adamms.merging.method import BoundMethod, as_parameters, call
from adamms.merging.parameters import TensorLocation
from adamms.merging.parent_store import elementwise
from adamms.merging.statistics import elements_to_reduce
from adamms.merging.stream import stream_merge
from adamms.merging.tensors import TORCH_DTYPES, TensorMerger, TorchDeviceBackend
from method_settings import SETTINGS
from small_pairs import write_llava_onevision, write_qwen2_vl

CASES = [(name, given_) for name, several in SETTINGS.items() for given_ in several]
ON_DEVICES = [(name, given_) for name, given_ in CASES if elementwise(make_method(name, given_))]


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


def test_every_method_is_tried() -> None:
    assert list(SETTINGS) == [method.name for method in all_methods()]
    # The weighted sums, and what keeps all entries.
    assert {name for name, _ in ON_DEVICES} >= {
        "linear",
        "task_arithmetic",
        "ties",
        "nearswap",
        "breadcrumbs",
    }


@pytest.mark.parametrize(("name", "given_settings"), CASES)
def test_what_is_written_is_what_a_live_model_gets(
    name: str,
    given_settings: dict[str, Any],
    models: tuple[Path, Path, Path],
    tmp_path: Path,
) -> None:
    opened = [Checkpoint.open(path) for path in models]
    parents = parents_of(opened)
    method = make_method(name, given_settings)
    stream_merge(parents, method=method, writer=(writer := CheckpointWriter(tmp_path / "out", opened[0])))
    writer.finish()
    live = TensorMerger(parents)
    with Checkpoint.open(tmp_path / "out") as written:
        for tensor in parents.changed(method):
            assert torch.equal(live.merged(tensor, method), written.tensor(tensor)), tensor
    for each in opened:
        each.close()


@pytest.mark.parametrize(("name", "given_settings"), ON_DEVICES)
@pytest.mark.parametrize("dtype", list(ITEMSIZES))
def test_a_device_gives_the_bits_of_the_cpu(name: str, given_settings: dict[str, Any], dtype: str) -> None:
    """The device here is the CPU; what torch computes is asked."""
    random = np.random.default_rng(3)
    values = [random.standard_normal(1000).astype(np.float32) * 0.1 for _ in range(3)]
    values[1][:9], values[0][:3] = values[0][:9], -0.0
    raws = [
        RawTensor(torch.from_numpy(row).to(TORCH_DTYPES[dtype]).view(torch.uint8), dtype) for row in values
    ]
    method = make_method(name, given_settings)
    bound = BoundMethod.of(
        method,
        {
            **as_parameters(method.settings),
            **method.values(TensorLocation("t"), donors=1),
            "weights": method.weights(TensorLocation("t"), donors=1),
        },
    )
    outs = []
    for backend in (cpu_kernel.cpu_backend(), NumpyBackend(), TorchDeviceBackend()):
        on_device = isinstance(backend, TorchDeviceBackend)
        given_ = raws if on_device else [RawTensor(raw.numpy(), dtype) for raw, dtype in raws]
        pretrained = given_[2] if method.rule.pretrained != "unused" else None
        block = RawBlock(given_[:2], pretrained, draws=[], width=1000, double=dtype == "F64")
        out = torch.empty(1000 * ITEMSIZES[dtype], dtype=torch.uint8)
        assert backend.merge(block, bound, RawTensor(out if on_device else out.numpy(), dtype))
        outs.append(out)
    assert torch.equal(outs[0], outs[1])
    assert torch.equal(outs[0], outs[2])


@pytest.mark.parametrize("backend", [NumpyBackend(), TorchDeviceBackend()])
def test_what_stays_may_be_infinite_but_must_be_a_number_in_range(backend: Any) -> None:
    def converted(numbers: list[float], dtype: str) -> tuple[bool, list[float]]:
        raw, out = torch.tensor(numbers).view(torch.uint8), torch.empty(2 * len(numbers), dtype=torch.uint8)
        raws = [RawTensor(raw, "F32"), RawTensor(out, dtype)]
        if isinstance(backend, NumpyBackend):
            raws = [RawTensor(raw.numpy(), dtype) for raw, dtype in raws]
        in_range = bool(backend.convert(*raws, double=False))
        return in_range, out.view(TORCH_DTYPES[dtype]).tolist()

    assert converted([1.0, -np.inf, 65504.0], "F16") == (True, [1.0, -np.inf, 65504.0])
    assert converted([1.0, np.inf, 65536.0], "F16")[0] is False
    assert converted([1.0, np.inf, 65536.0], "BF16") == (True, [1.0, np.inf, 65536.0])
    assert converted([1.0, np.nan], "BF16")[0] is False


METHODS = """
import sys
import adamms
from adamms.merging import find_method
base, donor, ancestor, out, *names = sys.argv[1:]
for name in names:
    alpha = find_method(name).parameter("alpha")
    given = {"alpha": 0.3} if alpha and alpha.required else {}
    given |= {} if find_method(name).pretrained == "unused" else {"pretrained": ancestor}
    adamms.merge(base, donor, f"{out}/{name}", method=name, **given)
assert "torch" not in sys.modules
"""


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("compiled", [True, False])
def test_no_method_imports_torch(
    dtype: torch.dtype, compiled: bool, models: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    base = write_qwen2_vl(tmp_path / "base", dtype=dtype)
    hidden = "" if compiled else "import adamms.merging.cpu_kernel as k; k.library = lambda: None"
    command = [sys.executable, "-c", hidden + METHODS, *map(str, (base, *models[1:])), str(tmp_path / "out")]
    subprocess.run([*command, *SETTINGS], check=True, env=os.environ)


# Every upper half of a float32 with lower halves around the tie.
EDGES = np.array([0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], np.uint32)


def test_bfloat16_is_rounded_to_the_nearest_and_ties_to_even() -> None:
    upper = np.arange(1 << 16, dtype=np.uint32)
    bits = (upper[:, None] << 16 | EDGES).reshape(-1)
    values = bits[(bits & 0x7F80_0000) != 0x7F80_0000].view(np.float32)
    out = np.empty(2 * len(values), np.uint8)
    NumpyBackend().convert(RawTensor(values.view(np.uint8), "F32"), RawTensor(out, "BF16"), double=False)
    expected = torch.from_numpy(values).to(torch.bfloat16).view(torch.int16).numpy()
    np.testing.assert_array_equal(out.view(np.int16), expected)


@pytest.mark.parametrize("dtype", list(ITEMSIZES))
def test_stored_values_are_widened_exactly_and_counted(dtype: str) -> None:
    numbers = torch.tensor([0.5, -3.0, float("nan"), float("inf"), -float("inf"), -0.0, 1e-3])
    raw = numbers.to(TORCH_DTYPES[dtype]).view(torch.uint8).numpy()
    assert (count_nan(raw, dtype), count_not_finite(raw, dtype)) == (1, 3)
    for wide in ("F32", "F64"):
        for backend in (cpu_kernel.cpu_backend(), NumpyBackend()):
            out = np.empty(ITEMSIZES[wide] * len(numbers), np.uint8)
            backend.convert(RawTensor(raw.copy(), dtype), RawTensor(out, wide), double=wide == "F64")
            expected = numbers.to(TORCH_DTYPES[dtype]).to(TORCH_DTYPES[wide]).numpy()
            np.testing.assert_array_equal(out.view(expected.dtype), expected)


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
    begun = call(bracket.map, {**statistics, "models": [values[:9]], "accumulated": None})
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
