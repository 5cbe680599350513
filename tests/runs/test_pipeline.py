import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import adamms
import grown_layouts
from adamms.errors import AdaMMSError, MappingError, OutputError, RecipeError
from adamms.progress import Silent
from hub_server import HubServer
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
    from adamms.recipes.recipe import read_recipe
    from adamms.runs.pipeline import run

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
    result = adamms.merge(base, donor, tmp_path / "out", alpha=0.3, mapping=file)
    assert result.mapping.summary()["kept"] == 4
    file.write_text(json.dumps(data).replace("language_model.model.layers.0.mlp.up_proj", "somewhere.else"))
    with pytest.raises(MappingError):
        adamms.merge(base, donor, tmp_path / "other", alpha=0.3, mapping=file)
    for unreadable in ("{", "[" * 100_000 + "]" * 100_000):
        file.write_text(unreadable)
        with pytest.raises(MappingError, match="cannot be read"):
            adamms.merge(base, donor, tmp_path / "other", alpha=0.3, mapping=file)


def test_rows_dropped_and_pieces_added_by_hand_are_merged_so(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    with adamms.Checkpoint.open(base) as one, adamms.Checkpoint.open(donor) as two:
        data = adamms.map_parameters(one, two).to_json()
    up, head = "model.layers.0.mlp.up_proj.weight", "lm_head.weight"
    # Rows 4-10 only; and the head's first rows from elsewhere in the donor.
    data["tensors"][up]["segments"] = [
        {"donor": f"language_model.{up}", "donor_rows": [4, 10], "base_rows": [4, 10]}
    ]
    data["tensors"][head]["segments"] = [
        {"donor": "language_model.model.embed_tokens.weight", "donor_rows": [30, 33], "base_rows": [0, 3]},
        {"donor": f"language_model.{head}", "donor_rows": [10, 40], "base_rows": [10, 40]},
    ]
    file = tmp_path / "mapping.json"
    file.write_text(json.dumps(data))
    merged = tensors(adamms.merge(base, donor, tmp_path / "out", alpha=1, mapping=file).path)
    ours, theirs = tensors(base), tensors(donor)

    def taken(name: str) -> torch.Tensor:
        return theirs[f"language_model.{name}"].float().to(torch.bfloat16)

    expected = torch.cat([ours[up][:4], taken(up)[4:10], ours[up][10:]])
    assert torch.equal(merged[up], expected)
    embed = taken("model.embed_tokens.weight")
    assert torch.equal(merged[head], torch.cat([embed[30:33], ours[head][3:10], taken(head)[10:]]))


def test_exclusions_are_kept_from_the_base(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    rules = ("norms", "layers=1", "*.v_proj.bias")
    result = adamms.merge(base, donor, tmp_path / "out", alpha=0.3, exclude=rules)
    merged, ours = tensors(result.path), tensors(base)
    same = [name for name in ours if torch.equal(merged[name], ours[name])]
    kept = [name for name, entry in result.mapping.tensors.items() if entry.status == "kept"]
    assert sorted(same) == sorted(kept)
    assert len(kept) == 3 + 12 + 3 + 1
    # The run's own recipe says so, and a mapping from a file obeys as well.
    file = tmp_path / "mapping.json"
    with adamms.Checkpoint.open(base) as one, adamms.Checkpoint.open(donor) as two:
        file.write_text(json.dumps(adamms.map_parameters(one, two).to_json()))
    again = adamms.merge(base, donor, tmp_path / "again", alpha=0.3, exclude=rules, mapping=file)
    assert again.mapping.tensors == result.mapping.tensors
    assert yaml.safe_load((result.path / "recipe.yaml").read_text())["mapping"]["exclude"] == list(rules)


def test_exclusions_hold_for_further_donors_too(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    third = [{"model": str(write_language_model(tmp_path / "third", 8)), "alpha": 0.25}]
    result = adamms.merge(
        base, donor, tmp_path / "out", alpha=0.3, donors=third, exclude=["norms", "layers=1"], force=True
    )
    merged, ours = tensors(result.path), tensors(base)
    excluded = [name for name, entry in result.mapping.tensors.items() if "excluded" in entry.reason]
    assert len(excluded) == 3 + 12
    assert all(torch.equal(merged[name], ours[name]) for name in excluded)


def test_a_merge_of_nothing_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    empty = tmp_path / "mapping.json"
    empty.write_text('{"tensors": {}}')
    for nothing in ({"exclude": ["*"]}, {"mapping": empty}):
        with pytest.raises(MappingError, match="the result would be the base itself"):
            adamms.merge(*pair, tmp_path / "out", alpha=0.3, **nothing)
    assert not (tmp_path / "out").exists()


def test_another_reading_than_the_mapping_s_own_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "mapping.json"
    with adamms.Checkpoint.open(pair[0]) as one, adamms.Checkpoint.open(pair[1]) as two:
        file.write_text(json.dumps(adamms.map_parameters(one, two, duplicates="original").to_json()))
    for reading in ({"duplicates": "matching"}, {"vocabulary": "keep"}):
        with pytest.raises(
            MappingError, match=r"was made with \w+ (original|tokens), so \w+ \w+ has no effect"
        ):
            adamms.merge(*pair, tmp_path / "out", alpha=0.3, mapping=file, **reading)
    for reading in ({}, {"duplicates": "original"}):
        adamms.merge(*pair, tmp_path / "out", alpha=0.3, mapping=file, overwrite=True, **reading)


def test_models_of_different_ancestors_are_refused_unless_forced(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    base, _ = pair
    stranger = write_llava_onevision(tmp_path / "stranger", ancestor=9)
    with pytest.raises(MappingError, match=r"do not share an ancestor: cosine .* in 12 tensors.*force=True"):
        adamms.merge(base, stranger, tmp_path / "out", alpha=0.3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "donor", "stranger"]
    said = Said()
    adamms.merge(base, stranger, tmp_path / "out", alpha=0.3, force=True, progress=said)
    assert any("do not share an ancestor" in message for message in said.messages)


def test_a_pretrained_model_of_another_ancestor_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for name, ancestor, expected in (
        ("theta", 0, nullcontext()),
        ("other", 5, pytest.raises(MappingError, match="other do not share an ancestor")),
    ):
        theta = tmp_path / name
        theta.mkdir()
        save_file(language_model(8, ancestor=ancestor), theta / "model.safetensors")
        (theta / "config.json").write_text(json.dumps(text_config()))
        with expected:
            adamms.merge(*pair, tmp_path / f"out-{name}", method="task_arithmetic", pretrained=str(theta))


def test_strangers_on_a_hub_are_refused_before_they_are_downloaded(tmp_path: Path) -> None:
    base = grown_layouts.write(tmp_path / "base", grown_layouts.cogvlm())
    stranger = grown_layouts.write(tmp_path / "stranger", grown_layouts.llava(grown_from=5))
    with HubServer({"some/stranger": stranger}) as hub:
        command = [sys.executable, "-m", "adamms", "merge", str(base), "some/stranger", "--alpha", "0.3"]
        environment = hub.environment(tmp_path / "home")
        done = subprocess.run(
            [*command, "--out", str(tmp_path / "out")],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    assert done.returncode == 2
    assert "some/stranger do not share an ancestor" in done.stderr
    assert "Fetching" not in done.stderr


class Said(Silent):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def say(self, message: str) -> None:
        self.messages.append(message)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        found |= load_file(shard)
    return found


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
    with pytest.raises(OutputError, match="overwrite=True"):
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
    from adamms.recipes.recipe import read_recipe
    from adamms.runs.pipeline import run

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
    with pytest.raises(RecipeError, match="pretrained"):
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
    from adamms.recipes.recipe import read_recipe
    from adamms.runs.pipeline import MergeResult, run

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
    with pytest.raises(RecipeError, match=r"^alpha: "):
        adamms.merge("no/base", "no/donor", tmp_path / "out", alpha=1.1)


def test_an_output_never_replaces_a_model_it_is_made_from(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first = adamms.merge(*pair, tmp_path / "run" / "merged", alpha=0.3).path
    (tmp_path / "run" / "adamms.json").write_text("{}")
    for out in (first, tmp_path / "run"):
        with pytest.raises(OutputError, match="is or holds"):
            adamms.merge(first, pair[1], out, alpha=0.3, overwrite=True)
    file = tmp_path / "run" / "mapping.json"
    file.write_text("{}")
    with pytest.raises(OutputError, match=r"run is or holds .*mapping\.json, which is read"):
        adamms.merge(*pair, tmp_path / "run", alpha=0.3, mapping=file, overwrite=True)
    assert file.exists()
    inside = adamms.merge(first, pair[1], first / "again", alpha=0.5).path
    twice = adamms.merge(first, pair[1], first / "twice", alpha=0.5).path
    assert {path.name for path in twice.iterdir()} == {path.name for path in inside.iterdir()}


def test_a_pattern_that_fits_no_tensor_is_said(pair: tuple[Path, Path], tmp_path: Path) -> None:
    said = Said()
    alpha = {"*.k_proj.wieght": 0.3, "mlp": 0.2, "default": 0.1}
    adamms.merge(*pair, tmp_path / "out", alpha=alpha, progress=said)
    assert [each for each in said.messages if "no tensor of the base fits" in each] == [
        "alpha: no tensor of the base fits '*.k_proj.wieght', so that entry changes nothing."
    ]


def test_a_nan_in_what_stays_the_bases_is_named(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    shard = next(
        path for path in sorted(base.glob("*.safetensors")) if "visual.merger.mlp.0.bias" in load_file(path)
    )
    found = load_file(shard)
    found["visual.merger.mlp.0.bias"][2] = float("nan")
    save_file(found, shard, metadata={"format": "pt"})
    with pytest.raises(AdaMMSError, match=r"visual\.merger\.mlp\.0\.bias in the base holds 1 NaN"):
        adamms.merge(base, donor, tmp_path / "out", alpha=0.3)
    assert not (tmp_path / "out").exists()


def test_alpha_is_given_once(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="given twice"):
        adamms.merge(*pair, tmp_path / "out", alpha=0.3, settings={"alpha": 0.5})


def test_a_mapping_that_contradicts_itself_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    with adamms.Checkpoint.open(base) as one, adamms.Checkpoint.open(donor) as two:
        data = adamms.map_parameters(one, two).to_json()
    data["tensors"]["lm_head.weight"]["status"] = "kept"
    (tmp_path / "mapping.json").write_text(json.dumps(data))
    with pytest.raises(MappingError, match="says kept and has segments"):
        adamms.merge(base, donor, tmp_path / "out", alpha=0.3, mapping=tmp_path / "mapping.json")


def test_odd_types_in_a_config_are_no_reason_to_stop(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    odd = {"model_type": 5, "architectures": 7, "text_config": [], "torch_dtype": {}}
    (donor / "config.json").write_text(json.dumps(odd))
    assert adamms.merge(base, donor, tmp_path / "out", alpha=0.3).mapping.summary()["merged"] == 27
