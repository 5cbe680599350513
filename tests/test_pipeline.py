import json
from pathlib import Path

import pytest

import adamms
from adamms.errors import AdaMMSError, MappingError, OutputError, RecipeError
from small_pairs import write_llava_onevision, write_qwen2_vl


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write_qwen2_vl(tmp_path / "base"), write_llava_onevision(tmp_path / "donor")


def test_merge_writes_a_complete_checkpoint(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    result = adamms.merge(base, donor, tmp_path / "out", alpha=0.3)
    assert result.path == tmp_path / "out"
    written = {path.name for path in result.path.iterdir()}
    assert written == {
        "README.md",
        "adamms.json",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "recipe.yaml",
    }
    for name in ("config.json", "generation_config.json", "chat_template.jinja"):
        assert (result.path / name).read_bytes() == (base / name).read_bytes()
    index, original = (
        json.loads((at / "model.safetensors.index.json").read_text()) for at in (result.path, base)
    )
    assert index["weight_map"] == original["weight_map"]
    assert index["metadata"]["total_size"] == original["metadata"]["total_size"]
    about = json.loads((result.path / "adamms.json").read_text())
    assert about["alpha"] == 0.3
    assert about["base"]["source"] == str(base)
    assert about["mapping"]["merged"] == 27
    assert about["mapping"]["kept"] == 3
    assert not list(tmp_path.glob(".*"))


def test_a_run_repeats_from_its_own_recipe(pair: tuple[Path, Path], tmp_path: Path) -> None:
    from adamms.pipeline import run
    from adamms.recipe import read_recipe

    first = adamms.merge(*pair, tmp_path / "first", alpha=0.2)
    run(read_recipe(first.path / "recipe.yaml"), tmp_path / "second")
    for path in first.path.iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_an_edited_mapping_is_honoured(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    with adamms.Checkpoint.open(base) as one, adamms.Checkpoint.open(donor) as two:
        data = adamms.map_parameters(one, two).to_json()
    data["tensors"]["lm_head.weight"] = {"status": "kept", "reason": "by hand", "segments": []}
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps(data))
    result = adamms.merge(base, donor, tmp_path / "out", alpha=0.3, file=file)
    assert result.mapping.summary()["kept"] == 4
    file.write_text(json.dumps(data).replace("language_model.model.layers.0.mlp.up_proj", "somewhere.else"))
    with pytest.raises(MappingError):
        adamms.merge(base, donor, tmp_path / "other", alpha=0.3, file=file)
    file.write_text("{")
    with pytest.raises(MappingError, match="cannot be read"):
        adamms.merge(base, donor, tmp_path / "other", alpha=0.3, file=file)


def test_a_folder_of_the_users_is_never_replaced(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(OutputError):
            adamms.merge(*pair, out, alpha=0.3, overwrite=overwrite)
    assert [path.name for path in out.iterdir()] == ["thesis.tex"]


def test_our_own_output_is_replaced_only_when_asked(pair: tuple[Path, Path], tmp_path: Path) -> None:
    adamms.merge(*pair, tmp_path / "out", alpha=0.3)
    with pytest.raises(OutputError, match="--overwrite"):
        adamms.merge(*pair, tmp_path / "out", alpha=0.4)
    adamms.merge(*pair, tmp_path / "out", alpha=0.4, overwrite=True)
    assert json.loads((tmp_path / "out" / "adamms.json").read_text())["alpha"] == 0.4


def test_a_failed_merge_leaves_nothing(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    shard = donor / "model.safetensors"
    shard.write_bytes(shard.read_bytes()[:-10])
    with pytest.raises(AdaMMSError, match=r"model\.safetensors"):
        adamms.merge(base, donor, tmp_path / "out", alpha=0.3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "donor"]


def test_a_bad_alpha_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"merge\.alpha"):
        adamms.merge("no/base", "no/donor", tmp_path / "out", alpha=1.1)
