"""Which files are read as a checkpoint's weights, and what is said when they are not all there."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from adamms.checkpoints import Checkpoint
from adamms.checkpoints.weight_files import natural_order
from adamms.errors import CheckpointError

INDEX = "model.safetensors.index.json"


def save(path: Path, **tensors: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors or {"a": torch.zeros(2)}, path)


def test_shards_come_in_natural_order(sharded: Path) -> None:
    with Checkpoint.open(sharded) as checkpoint:
        assert checkpoint.shards == tuple(f"model-{number}-of-11.safetensors" for number in range(1, 12))
        order = [checkpoint.shards.index(info.shard) for info in checkpoint.tensors.values()]
        assert order == sorted(order)
        assert checkpoint.indexed
        assert checkpoint.source == str(sharded)
        assert checkpoint.folder == sharded
        assert checkpoint.revision is None


def test_a_single_file_is_preferred_to_an_index_as_transformers_does(sharded: Path) -> None:
    save(sharded / "model.safetensors", only=torch.ones(3))
    with Checkpoint.open(sharded) as checkpoint:
        assert list(checkpoint.tensors) == ["only"]


def test_safetensors_is_preferred_to_bin(tmp_path: Path) -> None:
    save(tmp_path / "model.safetensors")
    torch.save({"b": torch.zeros(1)}, tmp_path / "pytorch_model.bin")
    with Checkpoint.open(tmp_path) as checkpoint:
        assert checkpoint.format == "safetensors"


def test_a_single_file_under_any_name_will_do(tmp_path: Path) -> None:
    save(tmp_path / "weights.safetensors")
    with Checkpoint.open(tmp_path) as checkpoint:
        assert checkpoint.shards == ("weights.safetensors",)
        assert checkpoint.config == {}


def test_a_complete_numbered_set_needs_no_index(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        save(tmp_path / f"model-{number:05d}-of-00010.safetensors", **{f"t{number}": torch.zeros(1)})
    with pytest.raises(CheckpointError, match=r"lacks shard 3 of 10 \(7 missing"):
        Checkpoint.open(tmp_path)
    for number in range(3, 10):
        save(tmp_path / f"model-{number:05d}-of-00010.safetensors", **{f"t{number}": torch.zeros(1)})
    with Checkpoint.open(tmp_path) as checkpoint:
        assert list(checkpoint.tensors) == [f"t{number}" for number in range(1, 11)]


def test_one_numbered_file_alone_is_not_a_whole_model(tmp_path: Path) -> None:
    save(tmp_path / "model-00001-of-00002.safetensors")
    with pytest.raises(CheckpointError, match="lacks shard 2 of 2"):
        Checkpoint.open(tmp_path)


def test_several_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.safetensors")
    save(tmp_path / "b.safetensors")
    with pytest.raises(CheckpointError, match="several safetensors files"):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: None, "There are no weights in"),
        (
            lambda folder: (folder / "model.gguf").write_bytes(b"GGUF"),
            r"model.gguf is of .*; transformers converts it",
        ),
        (lambda folder: (folder / INDEX).write_text("{"), "not valid JSON"),
        (lambda folder: (folder / INDEX).write_text("[]"), "not a JSON object"),
        (lambda folder: (folder / INDEX).write_text("{}"), "no weight_map"),
        (lambda folder: (folder / INDEX).write_text('{"weight_map": {"a": 1}}'), "no weight_map"),
        (lambda folder: (folder / INDEX).write_bytes(b"\xff"), "not valid JSON"),
    ],
)
def test_folders_without_readable_weights(tmp_path: Path, make: Callable[[Path], Any], said: str) -> None:
    make(tmp_path)
    with pytest.raises(CheckpointError, match=said):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize("config", ["{", "[1]", '"x"'])
def test_a_malformed_config_is_refused(single: Path, config: str) -> None:
    (single / "config.json").write_text(config)
    with pytest.raises(CheckpointError, match=r"config\.json in .* is not"):
        Checkpoint.open(single)


def test_a_missing_folder_and_a_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no folder"):
        Checkpoint.open(tmp_path / "nowhere")
    with pytest.raises(CheckpointError, match="There is no folder"):
        Checkpoint.open("~nobody-of-that-name/model")
    with pytest.raises(CheckpointError, match="cannot be read: File name too long"):
        Checkpoint.open("x" * 5000)
    (tmp_path / "file.safetensors").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="is a file; name the folder"):
        Checkpoint.open(tmp_path / "file.safetensors")


def test_a_missing_shard_is_named(sharded: Path) -> None:
    (sharded / "model-7-of-11.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks model-7-of-11.safetensors, .* 1 of 11 shards"):
        Checkpoint.open(sharded)


@pytest.mark.parametrize("place", ["../outside.safetensors", "/etc/passwd", "a/../../outside.bin", ""])
def test_an_index_may_not_point_outside(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save(tmp_path / "outside.safetensors")
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": place}}))
    with pytest.raises(CheckpointError, match="outside the checkpoint"):
        Checkpoint.open(folder)


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    save(tmp_path / "outside.safetensors")
    (folder / "model.safetensors").symlink_to(tmp_path / "outside.safetensors")
    with pytest.raises(CheckpointError, match=r"is a link to .*outside the checkpoint"):
        Checkpoint.open(folder)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder / "gone.safetensors")
    with pytest.raises(CheckpointError, match="a link to nothing"):
        Checkpoint.open(folder)


def test_a_link_to_the_whole_folder_and_links_within_are_fine(tmp_path: Path, single: Path) -> None:
    (single / "data").mkdir()
    (single / "model.safetensors").rename(single / "data" / "real.safetensors")
    (single / "model.safetensors").symlink_to("data/real.safetensors")
    (tmp_path / "alias").symlink_to(single)
    with Checkpoint.open(tmp_path / "alias") as checkpoint:
        checkpoint.require_data()
        assert checkpoint.source == str(tmp_path / "alias")


def test_a_hub_caches_snapshot_is_read_through_its_links(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--o--m"
    snapshot = repository / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    save(repository / "blobs" / "aaaa")
    save(tmp_path / "hub" / "blobs" / "bb" / "bbbb", b=torch.ones(1))
    (repository / "blobs" / "cccc").symlink_to("../../blobs/bb/bbbb")
    (snapshot / "model-1-of-2.safetensors").symlink_to("../../blobs/aaaa")
    (snapshot / "model-2-of-2.safetensors").symlink_to("../../blobs/cccc")
    with Checkpoint.open(snapshot) as checkpoint:
        assert list(checkpoint.tensors) == ["a", "b"]
        assert checkpoint.tensor("b").item() == 1
    os.symlink("/etc/hostname", snapshot / "config.json")  # noqa: PTH211 (a link that escapes all the same)
    with pytest.raises(CheckpointError, match="outside the checkpoint"):
        Checkpoint.open(snapshot)


def test_an_index_that_disagrees_with_the_files_is_refused(sharded: Path) -> None:
    index = json.loads((sharded / INDEX).read_text())
    index["weight_map"]["not.there"] = "model-2-of-11.safetensors"
    (sharded / INDEX).write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match=r"places not.there in model-2-of-11.safetensors"):
        Checkpoint.open(sharded)


def test_a_tensor_in_two_files_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "model-1-of-2.safetensors", a=torch.zeros(1))
    save(tmp_path / "model-2-of-2.safetensors", a=torch.zeros(1))
    with pytest.raises(CheckpointError, match=r"a is in both model-1-of-2.safetensors and model-2"):
        Checkpoint.open(tmp_path)


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    save_file({}, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match="hold no tensors"):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize("count", ["99999999999", "9" * 200])
def test_a_set_of_an_absurd_count_is_told_at_once(tmp_path: Path, count: str) -> None:
    save(tmp_path / f"model-00001-of-{count}.safetensors", a=torch.ones(2))
    save(tmp_path / f"model-00003-of-{count}.safetensors", b=torch.ones(2))
    with pytest.raises(
        CheckpointError, match=r"lacks shard 2 of \d+ \(9+[78] missing in all\)|lacks shard 2 of 10+ "
    ):
        Checkpoint.open(tmp_path)


def test_numbers_of_any_length_have_an_order() -> None:
    names = [f"a-{number}" for number in ("10", "002", "9" * 5000, "²", "1")]
    assert sorted(names, key=natural_order) == ["a-1", "a-002", "a-10", "a-" + "9" * 5000, "a-²"]
