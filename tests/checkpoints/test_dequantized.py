"""Quantised models seen as what they stand for: the values of transformers or of the scheme's own library."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.integrations.finegrained_fp8 import Fp8Dequantize
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

from adamms.adapters import open_model
from adamms.checkpoints import TensorSource
from adamms.checkpoints.quantization.small_floats import TABLES
from adamms.errors import CheckpointError
from checkpoint_files import raw

DATA = Path(__file__).parents[1] / "data" / "quantized"
Tensors = dict[str, torch.Tensor]


def write(folder: Path, tensors: Tensors, **config: Any) -> Path:
    folder.mkdir(exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"dtype": "bfloat16", **config}))
    return folder


def said(method: str, **more: Any) -> dict[str, Any]:
    return {"quantization_config": {"quant_method": method, **more}}


def assert_is(model: TensorSource, name: str, expected: torch.Tensor) -> None:
    """All of a tensor, and any part of it read by itself."""
    tensor = model.tensor(name)
    assert tensor.dtype == expected.dtype
    assert tensor.shape == expected.shape
    assert torch.equal(tensor, expected)
    data = raw(tensor)
    size = expected.element_size()
    for start, length in ((0, 1), (size * 37 + 1, size * 59), (len(data) - 5, 5)):
        assert model.read_bytes(name, start, length) == data[start : start + length]


# float8


def test_float8_tables_are_torchs() -> None:
    codes = torch.arange(256, dtype=torch.uint8)
    for name, dtype in (
        ("F8_E4M3", torch.float8_e4m3fn),
        ("F8_E5M2", torch.float8_e5m2),
        ("F8_E8M0", torch.float8_e8m0fnu),
    ):
        torch.testing.assert_close(
            torch.from_numpy(TABLES[name]), codes.view(dtype).float(), rtol=0, atol=0, equal_nan=True
        )


@pytest.mark.parametrize(
    ("shape", "grid"),
    [((64, 96), (4, 3)), ((40, 64), (1, 1)), ((3, 32, 64), (3, 2, 4)), ((32, 64), ())],
    ids=["blocks", "one block", "a stack of experts", "one scale"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e8m0fnu])
def test_float8_with_block_scales(
    shape: tuple[int, ...], grid: tuple[int, ...], dtype: torch.dtype, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    weight = torch.randn(shape).to(torch.float8_e4m3fn)
    scales = (torch.rand(grid) + 0.1).to(dtype)
    tensors = {"a.weight": weight, "a.weight_scale_inv": scales, "a.activation_scale": torch.ones(())}
    write(tmp_path, {**tensors, "norm.weight": torch.ones(4)}, **said("fp8"))
    expected = Fp8Dequantize(None)._dequantize_one(weight, scales, output_dtype=torch.bfloat16)
    with open_model(tmp_path) as model:
        assert sorted(model.tensors) == ["a.weight", "norm.weight"]
        assert model.computed == ("a.weight",)
        assert_is(model, "a.weight", expected)


def test_a_last_block_may_be_shorter(tmp_path: Path) -> None:
    weight = torch.ones(10, 6).to(torch.float8_e4m3fn)
    scales = torch.tensor([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]])
    config = said("fp8", weight_block_size=[4, 4])
    write(tmp_path, {"a.weight": weight, "a.weight_scale_inv": scales}, **config)
    with open_model(tmp_path) as model:
        values = model.tensor("a.weight").float()
    assert values[:, 0].tolist() == [1] * 4 + [4] * 4 + [16] * 2
    assert values[9].tolist() == [16] * 4 + [32] * 2


def test_float4_pairs_under_float8s_names(tmp_path: Path) -> None:
    packed = torch.arange(-128, 128, dtype=torch.int16).to(torch.int8).view(2, 128)
    scales = torch.tensor([[0.5], [2.0]])
    write(tmp_path, {"a.weight": packed, "a.weight_scale_inv": scales}, **said("fp8"))
    with open_model(tmp_path) as model:
        expected = Fp8Dequantize(None)._dequantize_one(packed, scales, output_dtype=torch.bfloat16)
        assert_is(model, "a.weight", expected)


# MXFP4


def test_mxfp4_experts(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randint(0, 256, (3, 10, 4, 16), generator=generator, dtype=torch.uint8)
    scales = torch.randint(90, 140, (3, 10, 4), generator=generator, dtype=torch.uint8)
    scales[0, 0, 0], scales[1, 1, 1] = 0, 254
    name = "model.layers.0.mlp.experts.down_proj"
    tensors = {f"{name}_blocks": blocks, f"{name}_scales": scales, f"{name}_bias": torch.zeros(3, 10)}
    write(tmp_path, tensors, **said("mxfp4"))
    with open_model(tmp_path) as model:
        assert sorted(model.tensors) == [name, f"{name}_bias"]
        assert_is(model, name, convert_moe_packed_tensors(blocks, scales))


# bitsandbytes: the library itself made the data


@pytest.mark.parametrize("scheme", ["nf4", "nf4-nested", "fp4", "fp4-nested", "int8"])
def test_bitsandbytes(scheme: str, tmp_path: Path) -> None:
    tensors = load_file(DATA / f"{scheme}.safetensors")
    ((name, expected),) = load_file(DATA / f"{scheme}-expected.safetensors").items()
    write(tmp_path, tensors, **said("bitsandbytes"))
    with open_model(tmp_path) as model:
        assert list(model.tensors) == [name]
        assert_is(model, name, expected)


def test_a_state_that_says_nothing_is_refused(tmp_path: Path) -> None:
    tensors = load_file(DATA / "nf4.safetensors")
    state = next(name for name in tensors if "quant_state" in name)
    write(tmp_path, {**tensors, state: torch.zeros(3, dtype=torch.uint8)}, **said("bitsandbytes"))
    with pytest.raises(CheckpointError, match="does not say how"):
        open_model(tmp_path)


# Packed integers, packed here as the formats say


def packed_along_rows(numbers: torch.Tensor, bits: int) -> torch.Tensor:
    """(rows, n) to (rows, n * bits / 32) int32, the lowest first."""
    wide = numbers.to(torch.int64).reshape(len(numbers), -1, 32 // bits)
    total = sum(wide[:, :, at] << bits * at for at in range(32 // bits))
    return torch.as_tensor(total).to(torch.int32)


@pytest.mark.parametrize("bits", [4, 8])
def test_compressed_tensors_pack_quantized(bits: int, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(bits)
    numbers = torch.randint(-(1 << bits - 1), 1 << bits - 1, (12, 64), generator=generator)
    scales = (torch.rand(12, 4, generator=generator) + 0.1).bfloat16()
    tensors = {
        "a.weight_packed": packed_along_rows(numbers + (1 << bits - 1), bits),
        "a.weight_scale": scales,
        "a.weight_shape": torch.tensor([12, 64]),
    }
    write(tmp_path, tensors, **said("compressed-tensors", format="pack-quantized"))
    expected = (numbers.bfloat16().view(12, 4, 16) * scales[:, :, None]).view(12, 64)
    with open_model(tmp_path) as model:
        assert_is(model, "a.weight", expected)


@pytest.mark.parametrize("shape", [(12, 1), (1,), ()])
@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
def test_a_scale_a_channel_or_one_for_all(shape: tuple[int, ...], dtype: torch.dtype, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    numbers = (torch.randn(12, 64, generator=generator) * 40).to(dtype)
    scales = torch.rand(shape, generator=generator) + 0.1
    write(tmp_path, {"a.weight": numbers, "a.weight_scale": scales, "a.input_scale": torch.ones(1)})
    with open_model(tmp_path) as model:
        assert_is(model, "a.weight", (numbers.float() * scales).bfloat16())


@pytest.mark.parametrize("ordered", [True, False])
def test_gptq(ordered: bool, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randint(0, 16, (64, 16), generator=generator)
    zeros = torch.randint(1, 17, (4, 16), generator=generator)
    scales = (torch.rand(4, 16, generator=generator) + 0.1).half()
    groups = torch.arange(64) // 16
    if not ordered:
        groups = groups[torch.randperm(64, generator=generator)]
    tensors = {
        "a.qweight": packed_along_rows(numbers.T, 4).T,
        "a.qzeros": packed_along_rows(zeros - 1, 4),
        "a.scales": scales,
        "a.g_idx": groups.int(),
    }
    write(tmp_path, tensors, **said("gptq", bits=4))
    with open_model(tmp_path) as model:
        assert_is(model, "a.weight", ((numbers - zeros[groups]).half() * scales[groups]).T)


def test_awq(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randint(0, 16, (64, 16), generator=generator)
    zeros = torch.randint(0, 16, (4, 16), generator=generator)
    scales = (torch.rand(4, 16, generator=generator) + 0.1).half()
    order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15])
    tensors = {
        "a.qweight": packed_along_rows(numbers[:, order], 4),
        "a.qzeros": packed_along_rows(zeros[:, order], 4),
        "a.scales": scales,
    }
    write(tmp_path, tensors, **said("awq", bits=4))
    with open_model(tmp_path) as model:
        rows = torch.arange(64) // 16
        assert_is(model, "a.weight", ((numbers - zeros[rows]).half() * scales[rows]).T)


# What is seen from outside


def test_the_config_and_notes_say_what_it_is(tmp_path: Path) -> None:
    shutil.copy(DATA / "nf4.safetensors", tmp_path / "model.safetensors")
    quantised = said("bitsandbytes")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "toy", "text_config": quantised}))
    with open_model(tmp_path) as model:
        assert model.config == {"model_type": "toy", "text_config": {}}
        assert model.notes == (
            f"{tmp_path} is quantised (bitsandbytes): 1 tensors are read de-quantised, as transformers does "
            "it.",
        )
        assert model.identity()["dequantized"] == "bitsandbytes"


@pytest.mark.parametrize(
    ("method", "names"),
    [
        ("hqq", ("a.W_q", "a.meta")),
        ("aqlm", ("a.codes", "a.codebooks")),
        ("compressed-tensors", ("a.weight_packed", "a.weight_scale", "a.weight_global_scale")),
    ],
)
def test_other_schemes_are_refused_by_name(method: str, names: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, {name: torch.zeros(4, 4, dtype=torch.uint8) for name in names}, **said(method))
    with pytest.raises(CheckpointError, match=rf"quantised \({method}\), which is not read here"):
        open_model(tmp_path)


def test_gptq_of_three_bits_is_refused(tmp_path: Path) -> None:
    tensors = {f"a.{name}": torch.zeros(4, 4, dtype=torch.int32) for name in ("qweight", "qzeros")}
    write(tmp_path, {**tensors, "a.scales": torch.zeros(1, 4)}, **said("gptq", bits=3))
    with pytest.raises(CheckpointError, match="gptq of 3 bits"):
        open_model(tmp_path)


def test_shapes_that_do_not_fit_are_named(tmp_path: Path) -> None:
    blocks, scales = torch.zeros(3, 10, 4, 16, dtype=torch.uint8), torch.zeros(3, 10, 5, dtype=torch.uint8)
    write(tmp_path, {"a_blocks": blocks, "a_scales": scales})
    with pytest.raises(CheckpointError, match=r"a_blocks \(3, 10, 4, 16\), a_scales \(3, 10, 5\)"):
        open_model(tmp_path)


def compressed(**changed: torch.Tensor) -> Tensors:
    parts = {
        "packed": torch.zeros(12, 8, dtype=torch.int32),
        "scale": torch.ones(12, 4),
        "shape": torch.tensor([12, 64]),
    }
    return {f"a.weight_{name}": value for name, value in (parts | changed).items() if value.numel()}


def transposed(**changed: torch.Tensor) -> Tensors:
    parts = {
        "qweight": torch.zeros(8, 16, dtype=torch.int32),
        "qzeros": torch.zeros(4, 2, dtype=torch.int32),
        "scales": torch.ones(4, 16).half(),
    }
    return {f"a.{name}": value for name, value in (parts | changed).items()}


@pytest.mark.parametrize(
    "tensors",
    [
        compressed(shape=torch.ones(0)),
        compressed(shape=torch.tensor([12, 60, 1])),
        compressed(shape=torch.tensor([0, 64])),
        compressed(shape=torch.tensor([12, 640])),
        compressed(shape=torch.tensor([6, 64])),
        compressed(scale=torch.ones(7, 3)),
        transposed(qweight=torch.zeros(128, dtype=torch.int32)),
        transposed(scales=torch.ones(16).half()),
        transposed(scales=torch.ones(4, 8).half()),
        transposed(qzeros=torch.zeros(3, 2, dtype=torch.int32)),
    ],
)
def test_packed_integers_that_do_not_fit_are_named(tensors: Tensors, tmp_path: Path) -> None:
    write(tmp_path, tensors)
    with pytest.raises(CheckpointError, match=r"these do not fit one another as .*: a\.\w+ \("):
        open_model(tmp_path)


@pytest.mark.parametrize("part", ["", ".absmax", ".quant_map"])
def test_four_bits_that_do_not_fit_are_named(part: str, tmp_path: Path) -> None:
    tensors = load_file(DATA / "nf4.safetensors")
    name = next(name for name in tensors if name.endswith("up_proj.weight")) + part
    write(tmp_path, {**tensors, name: tensors[name].flatten()[:-2]}, **said("bitsandbytes"))
    with pytest.raises(CheckpointError, match=rf"does not say how .* is packed .*{name} holds \d+ numbers"):
        open_model(tmp_path)


def test_names_alone_do_not_make_a_model_quantised(tmp_path: Path) -> None:
    write(
        tmp_path, {"a.weight": torch.ones(4, 4), "a.weight_scale": torch.ones(1), "b_blocks": torch.ones(2)}
    )
    with open_model(tmp_path) as model:
        assert sorted(model.tensors) == ["a.weight", "a.weight_scale", "b_blocks"]
        assert model.computed == ()
