import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import adamms
from adamms.errors import CheckpointError
from adamms.evaluation.verification import verify
from adamms.zoo import shipped_pair


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pair = shipped_pair()
    return adamms.merge(pair.base, pair.donor, tmp_path_factory.mktemp("verify") / "merged", alpha=0.3).path


@pytest.fixture
def copy(merged: Path, tmp_path: Path) -> Path:
    return shutil.copytree(merged, tmp_path / "copy")


def change(folder: Path, name: str, values: torch.Tensor) -> None:
    file = folder / "model.safetensors"
    save_file({**load_file(file), name: values}, file, metadata={"format": "pt"})


def results(folder: Path) -> dict[str, bool | None]:
    return {check.name: check.passed for check in verify(folder).checks}


def test_a_good_merge_passes_every_check(merged: Path) -> None:
    verification = verify(merged)
    assert verification.ok
    assert results(merged) == dict.fromkeys(("complete", "hashes", "finite", "parents", "answers"), True)
    assert json.loads(json.dumps(verification.to_json()))["ok"] is True
    (parents,) = (check.detail for check in verification.checks if check.name == "parents")
    # Tokens that only one of the two has are the rest.
    assert parents.endswith("99.1% of the base's language model takes part")


def test_a_cut_off_shard_fails(copy: Path) -> None:
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-2])
    assert results(copy) == {"complete": False}


def test_a_changed_bit_fails(copy: Path) -> None:
    raw = bytearray((copy / "model.safetensors").read_bytes())
    raw[-1] ^= 1
    (copy / "model.safetensors").write_bytes(raw)
    assert results(copy)["hashes"] is False


def test_hashes_of_an_earlier_version_are_not_missed(copy: Path) -> None:
    about = json.loads((copy / "adamms.json").read_text())
    del about["files"]
    (copy / "adamms.json").write_text(json.dumps(about))
    assert results(copy)["hashes"] is None


def test_a_nan_fails(copy: Path) -> None:
    norm = load_file(copy / "model.safetensors")["model.norm.weight"]
    norm[3] = float("nan")
    change(copy, "model.norm.weight", norm)
    assert results(copy)["finite"] is False


@pytest.mark.parametrize("parent", ["base", "donor"])
def test_a_tensor_that_was_not_merged_fails(copy: Path, parent: str) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    file = getattr(shipped_pair(), parent) / "model.safetensors"
    change(copy, name, load_file(file)[name if parent == "base" else f"language_model.{name}"])
    assert results(copy)["parents"] is False


def test_a_head_that_took_the_donors_embeddings_fails(copy: Path) -> None:
    pair = shipped_pair()
    base, donor = (load_file(folder / "model.safetensors") for folder in (pair.base, pair.donor))
    head, table = base["lm_head.weight"], donor["language_model.model.embed_tokens.weight"]
    rows = len(table)
    change(copy, "lm_head.weight", torch.cat([(0.7 * head[:rows] + 0.3 * table).to(head.dtype), head[rows:]]))
    (check,) = (check for check in verify(copy).checks if check.name == "parents")
    assert check.passed is False
    assert "1 tensors do not lie between their parents at alpha 0.3, the first lm_head.weight" in check.detail


def test_a_changed_vision_side_fails(copy: Path) -> None:
    name = "visual.merger.mlp.0.weight"
    change(copy, name, load_file(copy / "model.safetensors")[name] * 2)
    assert results(copy)["parents"] is False


def test_a_missing_parent_is_said_and_does_not_fail(copy: Path) -> None:
    about = json.loads((copy / "adamms.json").read_text())
    about["donor"]["source"] = str(copy / "gone")
    (copy / "adamms.json").write_text(json.dumps(about))
    verification = verify(copy)
    assert results(copy)["parents"] is None
    assert verification.ok


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"there is no readable adamms\.json in it"):
        verify(tmp_path)
