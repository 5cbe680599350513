import json
from pathlib import Path

import pytest
from safetensors.torch import save_file

import adamms
from adamms.errors import AdaMMSError, MappingError, OutputError, RecipeError
from small_pairs import language_model, text_config, write_llava_onevision, write_qwen2_vl


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


def write_language_model(folder: Path, seed: int) -> Path:
    folder.mkdir()
    tensors = language_model(seed)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(text_config()))
    return folder


def test_a_task_vector_merge_of_three_is_recorded_and_repeats(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    from adamms.pipeline import run
    from adamms.recipe import read_recipe

    ancestor, third = write_language_model(tmp_path / "llm", 7), write_language_model(tmp_path / "third", 8)
    first = adamms.merge(
        *pair,
        tmp_path / "first",
        alpha={"mlp": [0.2, 0.6], "default": 0.5},
        donors=[{"model": str(third), "alpha": 0.25}],
        pretrained=ancestor,
        method="ties",
        settings={"density": 0.5, "lambda": 0.7},
    )
    about = json.loads((first.path / "adamms.json").read_text())
    assert (about["method"], about["density"], about["lambda"], about["trim"]) == ("ties", 0.5, 0.7, "global")
    assert about["alpha"] == [{"mlp": [0.2, 0.6], "default": 0.5}, 0.25]
    assert about["pretrained"]["source"] == str(ancestor)
    assert about["pretrained"]["parameters_without_ancestor"] == 0
    assert about["donors"][0]["source"] == str(third)
    assert "third" in (first.path / "README.md").read_text()
    run(read_recipe(first.path / "recipe.yaml"), tmp_path / "second")
    for path in first.path.iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_methods_that_lack_something_say_so_before_the_merge(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="--pretrained"):
        adamms.merge(*pair, tmp_path / "out", method="ties")
    with pytest.raises(RecipeError, match="no merge method 'tie'"):
        adamms.merge(*pair, tmp_path / "out", method="tie")
    with pytest.raises(RecipeError, match="no alpha that a search could choose"):
        adamms.search(*pair, tmp_path / "q.jsonl", tmp_path / "out", method="nan")
    stranger = write_language_model(tmp_path / "stranger", 1)
    config = json.loads((stranger / "config.json").read_text())
    tensors = {name: tensor for name, tensor in language_model(1).items() if "layers.1" not in name}
    save_file(tensors, stranger / "model.safetensors", metadata={"format": "pt"})
    (stranger / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
    with pytest.raises(MappingError, match="is not an ancestor of"):
        adamms.merge(*pair, tmp_path / "out", method="ties", pretrained=stranger)
    assert not (tmp_path / "out").exists()


def test_mergekits_yaml_is_run(pair: tuple[Path, Path], tmp_path: Path) -> None:
    from adamms.pipeline import MergeResult, run
    from adamms.recipe import read_recipe

    write_language_model(tmp_path / "llm", 7)
    config = tmp_path / "config.yml"
    config.write_text(
        "merge_method: ties\nbase_model: llm\nmodels:\n- model: llm\n- model: base\n"
        "  parameters: {weight: 1.0, density: 0.5}\n- model: donor\n"
        "  parameters: {weight: [{filter: mlp, value: [0, 0.5]}, {value: 0.3}], density: 0.5}\n"
        "dtype: bfloat16\n"
    )
    recipe = read_recipe(config)
    assert recipe.merge.settings["trim"] == "tensor"
    assert any("trims tensor by tensor" in note for note in recipe.notes)
    result = run(recipe, tmp_path / "out")
    assert isinstance(result, MergeResult)
    assert result.method.settings["alpha"] == {"*mlp*": [0.0, 0.5], "default": 0.3}
    config.write_text("merge_method: ties\nbase_model: llm\nslices: []\n")
    with pytest.raises(RecipeError, match="slices are not supported"):
        read_recipe(config)


def test_a_bad_alpha_is_said_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"merge\.alpha"):
        adamms.merge("no/base", "no/donor", tmp_path / "out", alpha=1.1)
