"""Runs of more than two models: what every donor has of its own, in a recipe and on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

import adamms
from adamms.cli.option_values import parse_donors, parse_settings
from adamms.errors import MergeError, RecipeError
from adamms.recipes.recipe import read_recipe
from adamms.runs.pipeline import run
from small_families import NORM, UP, write_family


@pytest.fixture
def family(tmp_path: Path) -> dict[str, Path]:
    return write_family(tmp_path)


def merged(family: dict[str, Path], out: Path, **options: Any) -> dict[str, torch.Tensor]:
    path = adamms.merge(
        family["base"], family["donor"], out, pretrained=family["pretrained"], vocabulary="rows", **options
    ).path
    return load_file(path / "model.safetensors")


def further(family: dict[str, Path], **own: Any) -> list[dict[str, Any]]:
    return [{"model": str(family["other"]), **own}]


def test_a_donors_own_settings_are_a_recipes_and_the_command_lines(
    family: dict[str, Path], tmp_path: Path
) -> None:
    density = {"density": 0.5}
    options: dict[str, Any] = {"method": "ties", "alpha": 0.4}
    one = merged(
        family, tmp_path / "a", **options, settings=density, donors=further(family, settings={"density": 0.1})
    )
    two = merged(
        family, tmp_path / "b", **options, settings={**density, "donor2.density": 0.1}, donors=further(family)
    )
    plain = merged(family, tmp_path / "c", **options, settings=density, donors=further(family))
    assert torch.equal(one[UP], two[UP])
    assert not torch.equal(one[UP], plain[UP])
    about = json.loads((tmp_path / "a" / "adamms.json").read_text())
    assert (about["density"], about["donor2.density"]) == (0.5, 0.1)
    run(read_recipe(tmp_path / "a" / "recipe.yaml"), tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == (
        tmp_path / "a" / "model.safetensors"
    ).read_bytes()


def test_a_donors_alpha_counts_beside_the_methods_default(family: dict[str, Path], tmp_path: Path) -> None:
    own = merged(family, tmp_path / "own", method="task_arithmetic", donors=further(family, alpha=0.2))
    said = merged(
        family, tmp_path / "said", method="task_arithmetic", alpha=1.0, donors=further(family, alpha=0.2)
    )
    assert torch.equal(own[UP], said[UP])
    with pytest.raises(MergeError, match="metagpt has no setting 'alpha'"):
        merged(family, tmp_path / "out", method="metagpt", donors=further(family, alpha=0.2))


def test_exclusions_hold_for_every_donor(family: dict[str, Path], tmp_path: Path) -> None:
    found = merged(family, tmp_path / "out", alpha=0.3, exclude=("norms",), donors=further(family, alpha=0.3))
    base = load_file(family["base"] / "model.safetensors")
    assert torch.equal(found[NORM], base[NORM])
    assert not torch.equal(found[UP], base[UP])


def test_every_candidate_of_a_search_is_checked_before_any_question(
    family: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "q.jsonl").write_text(json.dumps({"image": [], "prompt": "What?"}) + "\n")
    with pytest.raises(MergeError, match=r"weights sum to 1\.1 .* less than nothing"):
        adamms.search(
            family["base"],
            family["donor"],
            tmp_path / "q.jsonl",
            tmp_path / "out",
            donors=further(family, alpha=0.5),
        )
    assert not (tmp_path / "out").exists()


def test_a_mapped_tensor_of_whole_numbers_is_said_before_the_merge(
    family: dict[str, Path], tmp_path: Path
) -> None:
    base, donor = family["base"], family["donor"]
    with adamms.Checkpoint.open(base) as one, adamms.Checkpoint.open(donor) as two:
        data = adamms.map_parameters(one, two).to_json()
    data["donor"] = str(base)
    segment = {"donor": "visual.position_ids"}
    data["tensors"] = {
        name: {"status": "kept", "reason": "by hand", "segments": []} for name in data["tensors"]
    }
    data["tensors"]["visual.position_ids"] = {"status": "merged", "reason": "by hand", "segments": [segment]}
    (tmp_path / "mapping.json").write_text(json.dumps(data))
    with pytest.raises(MergeError, match=r"visual\.position_ids in .* is stored as I64"):
        adamms.merge(base, base, tmp_path / "out", alpha=0.5, mapping=tmp_path / "mapping.json")
    assert not (tmp_path / "out").exists()


def test_donors_on_the_command_line(tmp_path: Path) -> None:
    ours = tmp_path / "alpha=0.30"
    ours.mkdir()
    given = ["a/b", "a/b=0.2", "a/b=attention=0.4;mlp=0.1,0.2", str(ours), f"{ours}=0.1"]
    assert [(each["model"], each.get("alpha")) for each in parse_donors(given)] == [
        ("a/b", None),
        ("a/b", 0.2),
        ("a/b", {"attention": 0.4, "mlp": [0.1, 0.2]}),
        (str(ours), None),
        (str(ours), 0.1),
    ]
    with pytest.raises(RecipeError, match="'much' is not a number"):
        parse_donors(["a/b=much"])


def test_settings_on_the_command_line() -> None:
    given = ["base.density=0.5", "density=0.2,0.8", "drop=mlp=0.5;default=0.1", "t=[0.1, 0.2]", "trim=tensor"]
    assert parse_settings(given) == {
        "base.density": 0.5,
        "density": [0.2, 0.8],
        "drop": {"mlp": 0.5, "default": 0.1},
        "t": [0.1, 0.2],
        "trim": "tensor",
    }
    with pytest.raises(RecipeError, match=r"--set density '0\.2,x' is not a number"):
        parse_settings(["density=0.2,x"])


def test_a_recipe_says_a_donors_settings(tmp_path: Path) -> None:
    data = {
        "base": "a/b",
        "donor": "c/d",
        "pretrained": "g/h",
        "donors": [{"model": "e/f", "alpha": [0, 0.5], "settings": {"drop": 0.5}}],
        "merge": {"method": "dare_ties", "settings": {"base.drop": {"mlp": 0.3}}},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(data))
    from adamms.runs.loading import method_of

    settings = method_of(read_recipe(tmp_path / "recipe.yaml")).settings
    assert settings["alpha"] == (1.0, [0.0, 0.5])
    assert settings["base.drop"] == {"default": 0.9, "mlp": 0.3}
    assert settings["donor2.drop"] == 0.5
