"""A merge is made again from its adamms.json, and equal bit for bit; what is not what it was is told."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from adamms import merge
from adamms.checkpoints import Checkpoint
from adamms.errors import CheckpointError, MappingError
from adamms.progress import Silent
from adamms.runs.reproduction import Reproduction, reproduce
from adamms.zoo import shipped_pair

PAIR = shipped_pair()


def again(folder: Path, **options: Any) -> Reproduction:
    return reproduce(folder, progress=Silent(), **options)


def about(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "adamms.json").read_text())
    return read


def test_a_merge_records_the_hashes_of_its_files(tmp_path: Path) -> None:
    merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=0.3, max_shard_size=600_000)
    files = about(tmp_path / "merged")["files"]
    shards = sorted(path.name for path in (tmp_path / "merged").glob("*.safetensors"))
    assert len(shards) > 2
    assert sorted(files) == shards
    for name, entry in files.items():
        assert entry["sha256"] == hashlib.sha256((tmp_path / "merged" / name).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0.3},
        {"alpha": {"mlp": 0.2, "attention": 0.5}, "max_shard_size": 600_000},
        {
            "method": "dare_linear",
            "alpha": 0.5,
            "pretrained": PAIR.pretrained,
            "settings": {"drop": 0.5, "seed": 4},
        },
    ],
    ids=("plain", "by part, in shards", "drawn"),
)
def test_a_merge_is_made_again(tmp_path: Path, options: dict[str, Any]) -> None:
    merge(PAIR.base, PAIR.donor, tmp_path / "merged", **options)
    result = again(tmp_path / "merged")
    assert result.equal
    assert sorted(result.files) == sorted(about(tmp_path / "merged")["files"])
    assert [path.name for path in tmp_path.iterdir()] == ["merged"], "nothing is left beside it"


def test_a_search_run_is_its_chosen_merge(tmp_path: Path) -> None:
    merge(PAIR.base, PAIR.donor, tmp_path / "run" / "merged", alpha=0.2)
    assert again(tmp_path / "run").equal


def test_the_repeated_one_can_be_kept(tmp_path: Path) -> None:
    merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=0.3)
    assert again(tmp_path / "merged", out=tmp_path / "second").path == str(tmp_path / "second")
    with Checkpoint.open(tmp_path / "second") as second:
        second.require_data()


def test_another_result_is_told(tmp_path: Path) -> None:
    merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=0.3)
    changed = about(tmp_path / "merged")
    changed["recipe"]["merge"]["alpha"] = 0.31
    (tmp_path / "merged" / "adamms.json").write_text(json.dumps(changed))
    result = again(tmp_path / "merged")
    assert result.files == {"model.safetensors": False}
    assert not result.equal


def test_parents_that_moved_are_named_and_others_refused(tmp_path: Path) -> None:
    donor = Path(shutil.copytree(PAIR.donor, tmp_path / "donor"))
    merge(PAIR.base, donor, tmp_path / "merged", alpha=0.3)
    moved = donor.rename(tmp_path / "moved")
    with pytest.raises(CheckpointError, match="donor"):
        again(tmp_path / "merged")
    assert again(tmp_path / "merged", donor=str(moved)).equal
    with pytest.raises(CheckpointError, match=r"The donor .* is not what was merged.*--donor"):
        again(tmp_path / "merged", donor=str(PAIR.base))


def test_an_edited_mapping_must_be_the_same(tmp_path: Path) -> None:
    from adamms.mapping import map_parameters

    with Checkpoint.open(PAIR.base) as base, Checkpoint.open(PAIR.donor) as donor:
        mapping = map_parameters(base, donor).to_json()
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps(mapping))
    merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=0.3, mapping=file)
    assert again(tmp_path / "merged").equal
    name = next(name for name, entry in mapping["tensors"].items() if entry["status"] == "merged")
    mapping["tensors"][name] = {"status": "kept", "reason": "edited", "segments": []}
    file.write_text(json.dumps(mapping))
    with pytest.raises(MappingError, match="is not the one that was merged with"):
        again(tmp_path / "merged")


@pytest.mark.parametrize("left_out", ["recipe", "files"])
def test_an_earlier_version_said_less(tmp_path: Path, left_out: str) -> None:
    merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=0.3)
    less = {key: value for key, value in about(tmp_path / "merged").items() if key != left_out}
    (tmp_path / "merged" / "adamms.json").write_text(json.dumps(less))
    with pytest.raises(CheckpointError, match="holds no recipe or no hashes"):
        again(tmp_path / "merged")
    with pytest.raises(CheckpointError, match=r"no readable adamms\.json"):
        again(PAIR.base)


def test_nothing_is_run_that_a_stranger_wrote_into_adamms_json(tmp_path: Path) -> None:
    merge(PAIR.base, PAIR.donor, tmp_path / "merged", alpha=0.3)
    changed, trace = about(tmp_path / "merged"), tmp_path / "trace"
    changed["recipe"]["merge"]["alpha"] = None
    changed["recipe"]["search"] = {
        "inputs": str(PAIR.inputs),
        "command": f"touch {trace} {{model}} {{inputs}} {{outputs}}",
    }
    (tmp_path / "merged" / "adamms.json").write_text(json.dumps(changed))
    with pytest.raises(CheckpointError, match="nothing of it is run"):
        again(tmp_path / "merged")
    assert not trace.exists()
