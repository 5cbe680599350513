from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from adamms.checkpoints import Checkpoint, CheckpointWriter
from adamms.errors import AdaMMSError, MergeError
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MergeInputs, make_method
from adamms.merging.stream import stream_merge
from adamms.merging.tensors import merged_tensor
from small_pairs import write_llava_onevision, write_qwen2_vl

PREFIX = "language_model."


def merge(
    base: Path,
    donor: Path,
    out: Path,
    alpha: float,
    threads: int | None = None,
    method: str = "linear",
    settings: dict[str, object] | None = None,
    **writing: object,
) -> Path:
    """Stream a merge into a plain folder, as the pipeline does."""
    out.mkdir()
    with Checkpoint.open(base) as one, Checkpoint.open(donor) as two:
        mapped = MappedDonor(map_parameters(one, two), one, two)
        writer = CheckpointWriter(out, one, **writing)
        made = make_method(method, {"alpha": alpha, **(settings or {})})
        stream_merge(MergeInputs.pair(one, two, mapped), method=made, writer=writer, threads=threads)
        writer.finish()
    return out


def load(folder: Path) -> dict[str, torch.Tensor]:
    tensors: dict[str, torch.Tensor] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        tensors |= load_file(shard)
    return tensors


def shard_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.safetensors"))}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_qwen2_vl(tmp_path_factory.mktemp("pair") / "base")


@pytest.fixture(scope="module")
def donor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_llava_onevision(tmp_path_factory.mktemp("pair") / "donor")


@pytest.mark.parametrize("alpha", [0.1, 0.3, 0.5])
def test_every_mapped_tensor_is_the_float32_interpolation_rounded_once(
    base: Path, donor: Path, tmp_path: Path, alpha: float
) -> None:
    merged, one, two = load(merge(base, donor, tmp_path / "out", alpha)), load(base), load(donor)
    assert list(merged) == list(one)
    for name, tensor in merged.items():
        assert tensor.dtype == one[name].dtype
        if PREFIX + name in two:
            exact = (1 - alpha) * one[name].float() + alpha * two[PREFIX + name].float()
            assert torch.equal(tensor, exact.to(torch.bfloat16)), name
        else:
            assert torch.equal(tensor, one[name]), name


def test_alpha_0_is_the_base_byte_for_byte(base: Path, donor: Path, tmp_path: Path) -> None:
    assert shard_bytes(merge(base, donor, tmp_path / "out", 0)) == shard_bytes(base)


def test_alpha_1_is_the_donor_on_mapped_tensors(base: Path, donor: Path, tmp_path: Path) -> None:
    merged, two = load(merge(base, donor, tmp_path / "out", 1)), load(donor)
    mapped = [name for name in merged if PREFIX + name in two]
    assert len(mapped) == 27
    for name in mapped:
        assert torch.equal(merged[name], two[PREFIX + name].float().to(torch.bfloat16))


def test_the_number_of_threads_does_not_matter(base: Path, donor: Path, tmp_path: Path) -> None:
    outputs = [shard_bytes(merge(base, donor, tmp_path / str(n), 0.3, threads=n)) for n in (1, 2, 7)]
    assert outputs[0] == outputs[1] == outputs[2]


def test_shards_do_not_matter(base: Path, donor: Path, tmp_path: Path) -> None:
    other = write_qwen2_vl(tmp_path / "five", shards=5)
    sharded = write_llava_onevision(tmp_path / "donor", shards=3)
    one, two = load(merge(base, donor, tmp_path / "a", 0.4)), load(merge(other, sharded, tmp_path / "b", 0.4))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_rows_of_nothing_are_no_rows(base: Path, donor: Path, tmp_path: Path) -> None:
    changed = write_qwen2_vl(tmp_path / "changed")
    tensors = {**load(base), "visual.nothing": torch.empty(16, 0, dtype=torch.bfloat16)}
    save_file(tensors, changed / "model.safetensors", metadata={"format": "pt"})
    rows = {"over": "rows"}
    out = load(merge(changed, donor, tmp_path / "out", 0.3, method="nuslerp", settings=rows))
    assert out["visual.nothing"].shape == (16, 0)


def test_a_smaller_donor_vocabulary_leaves_the_last_rows(base: Path, tmp_path: Path) -> None:
    donor = write_llava_onevision(tmp_path / "donor", rows=40, dtype=torch.bfloat16)
    with Checkpoint.open(base) as one, Checkpoint.open(donor) as two:
        mapping = map_parameters(one, two, vocabulary="keep")
        method = make_method("linear", {"alpha": 0.5})
        parents = MergeInputs.pair(one, two, MappedDonor(mapping, one, two))
        kept = merged_tensor(parents, "lm_head.weight", method=method)
    assert torch.equal(kept, load(base)["lm_head.weight"])


def test_a_whole_merged_tensor_is_what_the_stream_writes(base: Path, donor: Path, tmp_path: Path) -> None:
    written = load(merge(base, donor, tmp_path / "out", 0.2))
    with Checkpoint.open(base) as one, Checkpoint.open(donor) as two:
        parents = MergeInputs.pair(one, two, MappedDonor(map_parameters(one, two), one, two))
        method = make_method("linear", {"alpha": 0.2})
        for name in ("lm_head.weight", "model.layers.1.self_attn.k_proj.bias"):
            assert torch.equal(merged_tensor(parents, name, method=method), written[name])


def test_another_dtype_is_rounded_once_from_float32(base: Path, donor: Path, tmp_path: Path) -> None:
    merged, one, two = (
        load(merge(base, donor, tmp_path / "out", 0.3, dtype="float32")),
        load(base),
        load(donor),
    )
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(merged[name], 0.7 * one[name].float() + 0.3 * two[PREFIX + name].float())
    assert merged["visual.merger.mlp.0.bias"].dtype == torch.float32
    assert merged["visual.position_ids"].dtype == torch.int64


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_number_is_named(base: Path, tmp_path: Path, value: float) -> None:
    donor = write_llava_onevision(tmp_path / "donor")
    tensors = load(donor)
    tensors["language_model.model.layers.1.mlp.up_proj.weight"][3, 5:7] = value
    save_file(tensors, donor / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MergeError, match=r"layers\.1\.mlp\.up_proj\.weight in the donor holds 2 NaN or inf"):
        merge(base, donor, tmp_path / "out", 0.5)


def test_a_result_too_large_for_float16_is_named(tmp_path: Path) -> None:
    base = write_qwen2_vl(tmp_path / "base", dtype=torch.float16)
    donor = write_llava_onevision(tmp_path / "donor", dtype=torch.bfloat16)
    tensors = load(donor)
    tensors["language_model.model.norm.weight"][0] = 1e38
    save_file(tensors, donor / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MergeError, match=r"model\.norm\.weight exceeds the largest float16 value"):
        merge(base, donor, tmp_path / "out", 0.5)


def test_integers_cannot_be_interpolated(base: Path, tmp_path: Path) -> None:
    donor = write_llava_onevision(tmp_path / "donor")
    tensors = load(donor)
    name = "language_model.model.layers.0.mlp.up_proj.weight"
    tensors[name] = tensors[name].to(torch.int8)
    save_file(tensors, donor / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AdaMMSError, match="stored as I8"):
        merge(base, donor, tmp_path / "out", 0.5)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("liner", {"alpha": 0.1}, "no merge method 'liner'"),
        ("linear", {}, "needs alpha"),
        ("linear", {"alpha": 1.5}, "from 0"),
        ("linear", {"alpha": "much"}, "from 0"),
        ("linear", {"alpha": float("nan")}, "from 0"),
        ("linear", {"alpha": 0.1, "density": 0.2}, "no setting 'density'"),
    ],
)
def test_settings_are_checked_before_anything_is_read(
    name: str, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(MergeError, match=said):
        make_method(name, settings)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1e6, r"visual\.merger\.mlp\.0\.bias exceeds the largest float16 value"),
        (float("nan"), r"visual\.merger\.mlp\.0\.bias in the base holds 1 NaN"),
    ],
)
def test_a_kept_value_that_another_dtype_cannot_hold_is_named(
    base: Path, donor: Path, tmp_path: Path, value: float, told: str
) -> None:
    tensors = load(base)
    tensors["visual.merger.mlp.0.bias"][2] = value
    changed = write_qwen2_vl(tmp_path / "changed")
    save_file(tensors, changed / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(MergeError, match=told):
        merge(changed, donor, tmp_path / "out", 0.5, dtype="float16")


def test_an_infinity_that_stays_the_bases_may_be_meant(base: Path, donor: Path, tmp_path: Path) -> None:
    tensors = load(base)
    tensors["visual.merger.mlp.0.bias"][2] = float("-inf")
    changed = write_qwen2_vl(tmp_path / "changed")
    save_file(tensors, changed / "model.safetensors", metadata={"format": "pt"})
    out = load(merge(changed, donor, tmp_path / "out", 0.5, dtype="float16"))
    assert out["visual.merger.mlp.0.bias"][2] == float("-inf")
