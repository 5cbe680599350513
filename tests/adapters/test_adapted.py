"""Models seen through adapters: PEFT's own values, whatever part is read, and nothing else touched."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from adamms.adapters import open_model
from adamms.adapters.adapter_config import LoraSettings
from adamms.adapters.low_rank import add_low_rank, row_lengths
from adamms.checkpoints import TensorSource
from adamms.checkpoints.computed_tensors import read_values
from adamms.checkpoints.floats import rounded, widened
from adamms.errors import CheckpointError
from adapters import DATA, PREFIX, folded, low_rank, plus, shapes_of, write_adapter
from checkpoint_files import raw
from small_pairs import language_model, write_llava_onevision, write_qwen2_vl

CASES = ("lora", "dora", "embedding", "transposed")


def exact(checkpoint: TensorSource, name: str) -> torch.Tensor:
    info = checkpoint.tensors[name]
    assert checkpoint.exact_dtype(name) == ("F64" if info.dtype == "F64" else "F32")
    values = read_values(checkpoint, name, 0, info.numel)
    return torch.from_numpy(values).view(info.shape)


@pytest.mark.parametrize("as_bin", [False, True], ids=["safetensors", "bin"])
@pytest.mark.parametrize("case", CASES)
def test_values_are_those_of_pefts_merge_and_unload(case: str, as_bin: bool, tmp_path: Path) -> None:
    expected = load_file(DATA / case / "expected.safetensors")
    adapter = DATA / case / "adapter"
    if as_bin:
        adapter = tmp_path / "adapter"
        shutil.copytree(DATA / case / "adapter", adapter)
        torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
        (adapter / "adapter_model.safetensors").unlink()
    with (
        open_model(DATA / case / "base") as model,
        open_model(plus(DATA / case / "base", adapter)) as seen,
    ):
        seen.require_data()
        assert sorted(seen.computed) == sorted(expected)
        assert seen.tensors == model.tensors
        assert seen.config == model.config
        for name, info in seen.tensors.items():
            if name not in expected:
                assert seen.exact_dtype(name) == info.dtype
                assert raw(seen.tensor(name)) == raw(model.tensor(name))
                continue
            values = exact(seen, name)
            rows = expected[name]
            step = max(len(values) // 3, 1)
            torch.testing.assert_close(values[::step][: len(rows)], rows, rtol=2e-6, atol=2e-7)
            # Bytes are the same values, rounded once.
            assert raw(seen.tensor(name)) == raw(values.to(torch.bfloat16))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_qwen2_vl(tmp_path / "base")


@pytest.fixture
def attention(tmp_path: Path) -> Path:
    """An LLM's adapter, with the names of `Qwen2ForCausalLM` in memory."""
    modules = shapes_of(language_model(0), ("q_proj", "down_proj"))
    return write_adapter(tmp_path / "lora", low_rank(modules))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_part_of_a_fold_is_that_part_of_the_whole(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows, width, rank = (data.draw(st.integers(1, top)) for top in (40, 70, 6))
    dtype = data.draw(st.sampled_from([torch.bfloat16, torch.float16, torch.float32, torch.float64]))
    dora, embedding = data.draw(st.sampled_from([(False, False), (True, False), (False, True)]))
    folder = tmp_path_factory.mktemp("part")
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 9)))
    weight = torch.randn((rows, width), generator=generator).to(dtype)
    save_file({"a.weight": weight}, folder / "model.safetensors")
    tensors = low_rank({"a": (rows, width)}, rank=rank, dora=dora)
    if embedding:
        tensors = {
            f"{PREFIX}a.lora_embedding_A": torch.randn((rank, rows), generator=generator),
            f"{PREFIX}a.lora_embedding_B": torch.randn((width, rank), generator=generator),
        }
    write_adapter(folder / "lora", tensors, rank=rank, use_dora=dora)
    with open_model(plus(folder, folder / "lora")) as seen:
        whole, stored = exact(seen, "a.weight").flatten(), raw(seen.tensor("a.weight"))
        start = data.draw(st.integers(0, rows * width))
        count = data.draw(st.integers(0, rows * width - start))
        part = read_values(seen, "a.weight", start, count)
        assert np.array_equal(part, whole[start : start + count].numpy())
        at = data.draw(st.integers(0, len(stored)))
        length = data.draw(st.integers(0, len(stored) - at))
        assert seen.read_bytes("a.weight", at, length) == stored[at : at + length]
        with pytest.raises(ValueError, match="bytes"):
            seen.read_into("a.weight", memoryview(bytearray(8)), start=len(stored) - 7)
    if not embedding:
        expected = folded(weight, tensors, "a", scaling=3 / rank)
        torch.testing.assert_close(whole.view(rows, width).float(), expected, rtol=1e-4, atol=1e-5)


def test_tiles_and_chunks_do_not_show(tmp_path: Path) -> None:
    weight = torch.randn((700, 1000), generator=torch.Generator().manual_seed(1)).bfloat16()
    save_file({"a.weight": weight}, tmp_path / "model.safetensors")
    write_adapter(tmp_path / "lora", low_rank({"a": (700, 1000)}, dora=True), use_dora=True)
    with open_model(plus(tmp_path, tmp_path / "lora")) as seen:
        whole = exact(seen, "a.weight")
        alone = [read_values(seen, "a.weight", row * 1000 + 3, 990) for row in range(700)]
        assert all(np.array_equal(part, whole[row, 3:993].numpy()) for row, part in enumerate(alone))
        with ThreadPoolExecutor(4) as pool:
            read = list(pool.map(lambda row: seen.read_bytes("a.weight", row * 2000, 2000), range(700)))
        assert b"".join(read) == raw(whole.bfloat16())


def test_products_are_added_in_one_order() -> None:
    generator = np.random.default_rng(0)
    left, right = (generator.standard_normal(shape, dtype=np.float32) for shape in ((5, 7), (7, 9)))
    weight = np.zeros((5, 9), np.float32)
    add_low_rank(weight, left, right, scaling=0.1)
    expected = np.zeros((5, 9), np.float32)
    for k in range(7):
        expected = expected + left[:, k, None] * right[k]
    assert np.array_equal(weight, expected * np.float32(0.1))
    assert row_lengths(np.array([[3.0, 4.0, 12.0]], np.float32)).tolist() == [13.0]


def test_rounding_is_torchs() -> None:
    bits = torch.randint(0, 1 << 32, (20_000,), dtype=torch.int64, generator=torch.Generator().manual_seed(0))
    values = torch.cat(
        [bits.to(torch.int32).view(torch.float32), torch.tensor([1.00390625, 1.01171875, -0.0])]
    )
    values = values[~values.isnan()]
    for name, dtype in (("BF16", torch.bfloat16), ("F16", torch.float16), ("F32", torch.float32)):
        assert rounded(values.numpy(), name) == raw(values.to(dtype))
        assert np.array_equal(widened(raw(values.to(dtype)), name), values.to(dtype).float().numpy())
    assert np.isnan(widened(rounded(np.array([np.nan], np.float32), "BF16"), "BF16")).all()


# Names


def wrapped(tensors: dict[str, torch.Tensor], before: str) -> dict[str, torch.Tensor]:
    """The same adapter, trained with a class that keeps the language model elsewhere."""
    return {name.replace(f"{PREFIX}model.", f"{PREFIX}{before}"): each for name, each in tensors.items()}


@pytest.mark.parametrize("before", ["model.", "model.language_model.", "language_model.model.", "llm.model."])
def test_an_adapter_fits_whatever_class_it_was_trained_with(before: str, tmp_path: Path) -> None:
    modules = shapes_of(language_model(0), ("q_proj", "down_proj"))
    tensors = low_rank(modules)
    adapter = write_adapter(tmp_path / "lora", wrapped(tensors, before))
    for write, at in ((write_qwen2_vl, ""), (write_llava_onevision, "language_model.")):
        folder = write(tmp_path / f"model-{len(at)}")
        with open_model(folder) as model, open_model(plus(folder, adapter)) as seen:
            assert len(seen.computed) == len(modules) == 4
            for module in modules:
                name = f"{at}{module}.weight"
                expected = folded(model.tensor(name), tensors, module, scaling=1.5)
                torch.testing.assert_close(exact(seen, name), expected)


def test_a_towers_layers_are_not_the_language_models(tmp_path: Path) -> None:
    names = ("model.layers.0.self_attn.q_proj", "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj")
    save_file({f"{name}.weight": torch.ones(4, 4) for name in names}, tmp_path / "model.safetensors")
    for at, module in enumerate(
        (
            "model.language_model.layers.0.self_attn.q_proj",
            "model.vision_tower.encoder.layers.0.self_attn.q_proj",
        )
    ):
        adapter = write_adapter(tmp_path / f"lora{at}", low_rank({module: (4, 4)}))
        with open_model(plus(tmp_path, adapter)) as seen:
            assert seen.computed == (f"{names[at]}.weight",)


def test_an_adapters_own_name_in_its_tensors_is_read_over(base: Path, tmp_path: Path) -> None:
    tensors = low_rank({"model.layers.0.self_attn.q_proj": (16, 16)})
    named = {name.replace(".weight", ".default.weight"): each for name, each in tensors.items()}
    both = [write_adapter(tmp_path / name, held) for name, held in (("a", tensors), ("b", named))]
    found = []
    for adapter in both:
        with open_model(plus(base, adapter)) as seen:
            found.append(raw(seen.tensor("model.layers.0.self_attn.q_proj.weight")))
    assert found[0] == found[1]


def test_scalings_follow_pefts_patterns() -> None:
    config = {
        "peft_type": "LORA",
        "r": 8,
        "lora_alpha": 16,
        "rank_pattern": {"layers.1.mlp.up_proj": 4, "q_proj": 2},
        "alpha_pattern": {r".*layers\.0\..*": 6, "v_proj": 1},
    }
    lora = LoraSettings.of(config, source="x")
    factors = {
        "model.layers.1.mlp.down_proj": 2,
        "model.layers.1.mlp.up_proj": 4,
        "model.layers.11.mlp.up_proj": 2,  # a name ends at a dot
        "model.layers.1.self_attn.q_proj": 8,
        "model.layers.0.self_attn.q_proj": 3,
        "model.layers.1.self_attn.v_proj": 1 / 8,
    }
    strengths = lora.strengths(list(factors), source="x")
    assert {module: factor for module, (_, factor) in strengths.items()} == factors
    stabilised = LoraSettings.of(config | {"use_rslora": True}, source="x")
    assert (
        stabilised.strengths(["model.layers.1.mlp.up_proj"], source="x")["model.layers.1.mlp.up_proj"][1] == 8
    )


def test_llavas_projector_beside_the_adapter_is_taken(tmp_path: Path) -> None:
    names = {"model.layers.0.self_attn.q_proj.weight": (4, 4), "model.mm_projector.0.weight": (4, 6)}
    save_file({name: torch.zeros(shape) for name, shape in names.items()}, tmp_path / "model.safetensors")
    adapter = write_adapter(tmp_path / "lora", low_rank({"model.layers.0.self_attn.q_proj": (4, 4)}))
    projector = torch.randn(4, 6)
    torch.save({f"{PREFIX}model.mm_projector.0.weight": projector}, adapter / "non_lora_trainables.bin")
    with open_model(plus(tmp_path, adapter)) as seen:
        assert sorted(seen.computed) == sorted(names)
        assert torch.equal(seen.tensor("model.mm_projector.0.weight"), projector)


def test_one_adapter_after_another(base: Path, attention: Path, tmp_path: Path) -> None:
    name = "model.layers.1.mlp.down_proj.weight"
    second = low_rank({"model.layers.1.mlp.down_proj": (16, 24)}, seed=5)
    both = f"{base}+{attention}+{write_adapter(tmp_path / 'second', second)}"
    with open_model(plus(base, attention)) as one, open_model(both) as two:
        first = exact(one, name)
        torch.testing.assert_close(
            exact(two, name), folded(first, second, "model.layers.1.mlp.down_proj", scaling=1.5)
        )
        untouched = "model.layers.0.self_attn.q_proj.weight"
        assert torch.equal(exact(two, untouched), exact(one, untouched)), "not rounded in between"
        assert raw(two.tensor(untouched)) == raw(one.tensor(untouched))
        assert [each["source"] for each in two.identity()["adapters"]] == [
            str(attention),
            f"{tmp_path}/second",
        ]


# Identity


def test_a_fingerprint_covers_model_adapter_and_settings(base: Path, attention: Path, tmp_path: Path) -> None:
    def print_of(source: str) -> str:
        with open_model(source) as seen:
            return seen.fingerprint()

    other = shutil.copytree(attention, tmp_path / "other")
    assert print_of(plus(base, attention)) == print_of(plus(base, other))
    (other / "adapter_config.json").write_text(
        (other / "adapter_config.json").read_text().replace('"lora_alpha": 3', '"lora_alpha": 4')
    )
    stronger = shutil.copytree(attention, tmp_path / "values")
    tensors = load_file(stronger / "adapter_model.safetensors")
    next(iter(tensors.values()))[0, 0] += 1
    save_file(tensors, stronger / "adapter_model.safetensors")
    another = write_qwen2_vl(tmp_path / "another", seed=9)
    prints = [
        print_of(source)
        for source in (
            str(base),
            plus(base, attention),
            plus(base, other),
            plus(base, stronger),
            plus(another, attention),
        )
    ]
    assert len(dict.fromkeys(prints)) == len(prints)


def test_names_and_files(base: Path, attention: Path) -> None:
    with open_model(base) as model, open_model(plus(base, attention)) as seen:
        assert seen.source == seen.pinned == f"{base}+{attention}"
        assert seen.folder == model.folder
        assert seen.auxiliary_files() == model.auxiliary_files()
        assert seen.identity()["source"] == str(base)
        files = [name for name, *_ in seen.state()]
        assert files[:-1] == [name for name, *_ in model.state()]
        assert files[-1] == f"{attention}/adapter_model.safetensors"
    with pytest.raises(ValueError, match="closed"):
        seen.tensor("model.layers.0.self_attn.q_proj.weight")


def test_an_overflow_of_float16_is_said(tmp_path: Path) -> None:
    save_file({"a.weight": torch.full((2, 2), 60000.0).half()}, tmp_path / "model.safetensors")
    tensors = {
        f"{PREFIX}a.lora_A.weight": torch.full((2, 2), 100.0),
        f"{PREFIX}a.lora_B.weight": torch.full((2, 2), 50.0),
    }
    write_adapter(tmp_path / "lora", tensors)
    with (
        open_model(plus(tmp_path, tmp_path / "lora")) as seen,
        pytest.raises(CheckpointError, match=r"4 values of a\.weight exceed the largest float16"),
    ):
        seen.tensor("a.weight")
