"""Compiled code gives the bits of the methods' own functions, on any stored values, and is not needed."""

import math
import shutil
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
from adamms.merging.draws import SeededDraws
from adamms.merging.dtypes import LARGEST, RawTaskVector, RawTensor
from adamms.merging.magnitudes import lower_counts, upper_counts
from adamms.merging.method import BoundMethod, KernelParams, Method, as_parameters, call
from adamms.merging.parameters import TensorLocation
from adamms.merging.statistics import model_statistics
from adamms.merging.stream import stream_merge
from adamms.merging.tensors import TORCH_DTYPES
from method_settings import SETTINGS
from small_pairs import write_llava_onevision, write_qwen2_vl

COMPILED = [method.name for method in all_methods() if method.kernel]
BY_PRODUCTS = ("metagpt", "slerp", "karcher", "nan")
CASES = [(name, given_) for name in COMPILED for given_ in SETTINGS[name]]
# A seed, a size and a scale: small whole multiples that tie and cancel, and values of a model's size.
vectors = st.integers(1, 1300).flatmap(
    lambda size: st.tuples(st.integers(0, 2**32 - 1), st.just(size), st.sampled_from([-3, 0, 2, 9]))
)


@pytest.fixture(autouse=True)
def library() -> Any:
    found = cpu_kernel.library()
    if found is None:
        assert shutil.which("cc") is None, "there is a C compiler, but kernels.so was not built: make install"
        pytest.skip("there is no C compiler here")
    return found


def stored(seed: int, size: int, power: int, dtype: str, number: int) -> RawTensor:
    random = np.random.default_rng(seed + number)
    values = random.integers(-6, 7, size).astype(np.float32) * np.float32(2.0**power)
    values[::3] = random.standard_normal(len(values[::3])) * 0.02
    values[random.integers(0, 17, size) == 1] = -0.0
    values[2::19] *= np.float32(2.0**-22)
    raw = torch.from_numpy(values).to(TORCH_DTYPES[dtype]).view(torch.uint8).numpy()
    return RawTensor(raw, dtype)


def widened(values: RawTensor) -> np.ndarray:
    return torch.from_numpy(values.raw).view(TORCH_DTYPES[values.dtype]).float().numpy()


def bound(method: Method, *, donors: int = 1, **statistics: Any) -> BoundMethod:
    arguments = {
        **as_parameters(method.settings),
        **method.values(TensorLocation("t"), donors=donors),
        "weights": method.weights(TensorLocation("t"), donors=donors),
        **statistics,
    }
    return BoundMethod.of(method, arguments)


@pytest.mark.parametrize(("name", "given_settings"), CASES)
@given(vectors, st.sampled_from(["BF16", "F16", "F32"]), st.sampled_from(["BF16", "F32"]), st.integers(1, 3))
@settings(max_examples=12, deadline=None)
def test_the_same_bits_as_the_function(
    name: str,
    given_settings: dict[str, Any],
    drawn: tuple[int, int, int],
    dtype: str,
    out_dtype: str,
    donors: int,
) -> None:
    method = make_method(name, given_settings)
    donors = 1 if method.rule.donors == "one" or given_settings.get("alpha", 0) > 0.34 else donors
    size = drawn[1]
    block = RawBlock(
        models=[stored(*drawn, dtype, number) for number in range(donors + 1)],
        pretrained=stored(*drawn, "BF16", 99) if method.rule.pretrained != "unused" else None,
        draws=[SeededDraws(0).draw("t", model, 0, size) for model in range(donors + 1)],
        width=size,
        double=False,
    )
    values = {"models": [widened(model) for model in block.models], "draws": block.draws, "accumulated": None}
    if block.pretrained:
        values["pretrained"] = widened(block.pretrained)
    statistics: dict[str, Any] = {}
    for reduction in method.reductions:
        known = {**bound(method, donors=donors, **_unknown(name, donors), **statistics).arguments, **values}
        total = call(reduction.map, known)
        statistics |= call(reduction.finalize, {**known, "total": total, "count": size})
    at_tensor = bound(method, donors=donors, **{**_unknown(name, donors), **statistics})
    outs = [np.full(size * (2 if out_dtype == "BF16" else 4), fill, np.uint8) for fill in (0xAA, 0x55)]
    kernel, numpy = cpu_kernel.cpu_backend(), NumpyBackend()
    assert isinstance(kernel, cpu_kernel.CpuKernel)
    found = [
        backend.merge(block, at_tensor, RawTensor(out, out_dtype))
        for backend, out in zip((kernel, numpy), outs, strict=True)
    ]
    assert found[0] == found[1]
    if found[0]:
        np.testing.assert_array_equal(*outs)


def _unknown(name: str, donors: int) -> dict[str, Any]:
    """Statistics that a kernel's parameters cannot do without, before they are known."""
    return {"products": ((1.0,) * (donors + 1),) * (donors + 1)} if name in BY_PRODUCTS else {}


@pytest.mark.parametrize("dtype", ["BF16", "F16"])
def test_every_stored_value_is_widened_and_rounded_as_torch_does(library: Any, dtype: str) -> None:
    raw = np.arange(1 << 16, dtype=np.uint16)
    exact = torch.from_numpy(raw.view(np.int16)).view(TORCH_DTYPES[dtype]).float().numpy()
    into = np.empty(len(raw), np.float32)
    cpu_kernel.widen(library, RawTensor(raw.view(np.uint8), dtype), into)
    np.testing.assert_array_equal(into, exact)  # NaN equals NaN here
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(into.view(np.uint32)[finite], exact.view(np.uint32)[finite])
    # Halfway between neighbours, and a little to either side of it.
    low = np.sort(exact[finite & (exact >= 0)])
    middle = ((low[:-1].astype(np.float64) + low[1:]) / 2).astype(np.float32)
    values = np.concatenate(
        [middle, np.nextafter(middle, np.float32(0)), np.nextafter(middle, np.float32(1e38))]
    )
    values = np.concatenate([values, -values])[np.abs(np.concatenate([values, values])) <= LARGEST[dtype]]
    out = np.empty(2 * len(values), np.uint8)
    base = RawTensor(np.ascontiguousarray(values).view(np.uint8), "F32")
    block = RawBlock([base], None, draws=[], width=len(values), double=False)
    assert cpu_kernel.fused_merge(library, KernelParams((1.0,)), block, RawTensor(out, dtype))
    expected = torch.from_numpy(values).to(TORCH_DTYPES[dtype]).view(torch.int16).numpy()
    np.testing.assert_array_equal(out.view(np.int16), expected)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("at", [0, 511, 512, 700])
@pytest.mark.parametrize("name", COMPILED)
def test_what_is_no_number_is_told(library: Any, name: str, at: int, bad: float) -> None:
    method = make_method(name, SETTINGS[name][0])
    values = np.ones((3, 701), np.float32)
    values[1, at] = bad
    one, two, ancestor = (RawTensor(row.view(np.uint8), "F32") for row in values)
    block = RawBlock(
        models=[one, two],
        pretrained=ancestor if method.rule.pretrained == "needed" else None,
        draws=[np.full(701, 32_767, np.int16)] * 2,
        width=701,
        double=False,
    )
    # As if everything were too small to stay.
    magnitudes = ((9.0, 9.0)[: 2 if name.startswith("bread") else 1],) * 2
    at_tensor = bound(method, products=((1.0, 0.5), (0.5, 1.0)), magnitudes=magnitudes)
    out = RawTensor(np.empty(4 * 701, np.uint8), "F32")
    assert at_tensor.params is not None
    assert not cpu_kernel.fused_merge(library, at_tensor.params, block, out)


@pytest.mark.parametrize(("name", "looked_at"), [("linear", False), ("task_arithmetic", True)])
def test_a_model_of_weight_0_is_looked_at_only_beside_an_ancestor(name: str, looked_at: bool) -> None:
    values = np.ones((3, 5), np.float32)
    values[1, 2] = math.nan
    base, donor, ancestor = (RawTensor(row.view(np.uint8), "F32") for row in values)
    pretrained = ancestor if looked_at else None
    block = RawBlock([base, donor], pretrained, draws=[], width=5, double=False)
    at_tensor = bound(make_method(name, {"alpha": 0.0}))
    out = RawTensor(np.empty(20, np.uint8), "F32")
    for backend in (cpu_kernel.cpu_backend(), NumpyBackend()):
        assert backend.merge(block, at_tensor, out) is not looked_at


@given(st.integers(0, 2**32 - 1), st.sampled_from(["BF16", "F16", "F32"]), st.integers(1, 2000))
@settings(max_examples=30, deadline=None)
def test_counts_are_those_of_numpy(seed: int, dtype: str, size: int) -> None:
    model, origin = (stored(seed, size, 0, dtype, number) for number in (0, 1))
    magnitudes = np.abs(widened(model) - widened(origin)).view(np.uint32)
    vector = RawTaskVector(model, origin)
    upper = upper_counts(vector)
    np.testing.assert_array_equal(upper, np.bincount(magnitudes >> 16, minlength=1 << 15))
    for at in (int(upper.argmax()), 0x7F7F):
        inside = magnitudes[magnitudes >> 16 == at] & 0xFFFF
        np.testing.assert_array_equal(lower_counts(vector, at), np.bincount(inside, minlength=1 << 16))
    counts = np.zeros(2 + 65_536, np.int64)
    least, beyond = np.array([0x3F80_0000, 0x3F81_0000], np.uint32).view(np.float32)
    cpu_kernel.count_between(cpu_kernel.library(), vector, counts, least=float(least), beyond=float(beyond))  # type: ignore[arg-type]
    assert counts[:2].tolist() == [(magnitudes >= 0x3F81_0000).sum(), (magnitudes > 0).sum()]


@pytest.fixture(scope="module", params=[torch.bfloat16, torch.float16, torch.float32])
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A base of one dtype, a donor of bfloat16 and the donor's like as their ancestor."""
    root = tmp_path_factory.mktemp("compiled")
    paths = (
        write_qwen2_vl(root / "base", dtype=request.param),
        write_llava_onevision(root / "donor", dtype=torch.bfloat16),
        write_llava_onevision(root / "ancestor", seed=5, dtype=torch.bfloat16),
    )
    base, donor, ancestor = opened = [Checkpoint.open(path) for path in paths]
    views = [
        MappedCheckpoint(each, MappedDonor(map_parameters(base, each), base, each))
        for each in (donor, ancestor)
    ]
    yield MergeInputs(base, (views[0],), views[1])
    for each in opened:
        each.close()


@pytest.mark.parametrize(("name", "given_settings"), CASES)
def test_a_merge_without_it_writes_the_same_bytes(
    family: MergeInputs,
    name: str,
    given_settings: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    method = make_method(name, given_settings)
    written = []
    for turn in ("with", "without"):
        if turn == "without":
            monkeypatch.setattr(cpu_kernel, "library", lambda: None)
        statistics = model_statistics(family, method)
        writer = CheckpointWriter(tmp_path / turn, family.base)
        stream_merge(family, method=method, writer=writer, statistics=statistics)
        writer.finish()
        written.append([path.read_bytes() for path in sorted((tmp_path / turn).glob("*.safetensors"))])
    assert written[0] == written[1]


def test_a_library_of_another_source_is_not_used(tmp_path: Path) -> None:
    for path in (cpu_kernel.SOURCE, cpu_kernel.LIBRARY):
        shutil.copy(path, tmp_path)
    code = (
        "import pathlib, sys; from adamms.merging import cpu_kernel; at = pathlib.Path(sys.argv[1]); "
        "cpu_kernel.SOURCE, cpu_kernel.LIBRARY = at / 'kernels.c', at / 'kernels.so'; "
        "print(cpu_kernel.library() is not None)"
    )

    def used() -> str:
        return subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], check=True, stdout=subprocess.PIPE, text=True
        ).stdout.strip()

    assert used() == "True"
    with (tmp_path / "kernels.c").open("a") as file:
        file.write("/* moved on */\n")
    assert used() == "False"
    (tmp_path / "kernels.so").write_bytes(b"no library")
    assert used() == "False"
