"""Settings of one model alone, and by depth and part: on every method that has them, with several donors."""

from pathlib import Path
from typing import Any

import pytest
import torch

from adamms.errors import MergeError
from adamms.merging import all_methods, find_method, make_method
from golden_files import weights
from small_families import UP, merge, settings_of

MANY = [method.name for method in all_methods() if method.donors == "many"]
ONE = [method.name for method in all_methods() if method.donors == "one"]
PER_MODEL = [
    (method.name, setting.name)
    for method in all_methods()
    for setting in method.parameters
    if setting.per_model
]
VARYING = [
    (method.name, setting.name)
    for method in all_methods()
    for setting in method.parameters
    if setting.coefficient
]
FIRST = "model.layers.0.mlp.down_proj.weight"
LAST = "model.layers.1.mlp.down_proj.weight"


def trimmed_by_tensor(name: str) -> dict[str, Any]:
    return {"trim": "tensor"} if name == "ties" else {}


@pytest.mark.parametrize("name", MANY)
def test_three_models_of_three_architectures(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    options = {"method": name, "pretrained": "pretrained", **settings_of(name)}
    two = merge(tmp_path / "two", folders, "donor", **options)
    three = merge(tmp_path / "three", folders, "donor", "other", **options)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in three.values())
    assert not torch.equal(two[UP], three[UP])
    kept = [key for key in three if key.startswith("visual")]
    base = weights(folders["base"])
    assert kept
    assert all(torch.equal(three[key], base[key]) for key in kept)


@pytest.mark.parametrize("name", ONE)
def test_methods_of_one_donor_say_so(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    with pytest.raises(MergeError, match=f"The method {name} takes one donor, not 2"):
        merge(tmp_path / "out", folders, "donor", "other", method=name, **settings_of(name))


@pytest.mark.parametrize(("name", "setting"), PER_MODEL)
def test_a_setting_of_every_model_is_the_shared_one_where_all_agree(
    folders: dict[str, Path],
    tmp_path: Path,
    name: str,
    setting: str,
) -> None:
    options: dict[str, Any] = {"method": name, "pretrained": "pretrained"}
    shared = merge(tmp_path / "shared", folders, "donor", "other", **options, **{setting: 0.3})
    own = {f"{model}.{setting}": 0.3 for model in ("base", "donor", "donor2")}
    each = merge(tmp_path / "each", folders, "donor", "other", **options, **own)
    assert all(torch.equal(each[key], shared[key]) for key in shared)
    # One model's alone changes the merge; the first donor goes by two names.
    changed = merge(
        tmp_path / "changed", folders, "donor", "other", **options, **{setting: 0.3, f"donor.{setting}": 0.4}
    )
    assert not torch.equal(changed[UP], shared[UP])
    named = merge(
        tmp_path / "named", folders, "donor", "other", **options, **{setting: 0.3, f"donor1.{setting}": 0.4}
    )
    assert torch.equal(named[UP], changed[UP])


@pytest.mark.parametrize(("name", "setting"), VARYING)
def test_over_depth_the_ends_are_the_ends(
    folders: dict[str, Path],
    tmp_path: Path,
    name: str,
    setting: str,
) -> None:
    options: dict[str, Any] = {
        "method": name,
        "pretrained": "pretrained",
        **settings_of(name),
        **trimmed_by_tensor(name),
        **({"base_weight": 0.5} if setting == "base_weight" else {}),
    }

    def run(folder: str, value: Any) -> dict[str, torch.Tensor]:
        return merge(tmp_path / folder, folders, "donor", **{**options, setting: value})

    low, high, sloped = run("low", 0.3), run("high", 0.45), run("sloped", [0.3, 0.45])
    assert torch.equal(sloped[FIRST], low[FIRST])
    assert torch.equal(sloped[LAST], high[LAST])
    assert not torch.equal(low[LAST], high[LAST])
    table = run("table", {"mlp": 0.45, "default": 0.3})
    attention = "model.layers.1.self_attn.q_proj.weight"
    assert torch.equal(table[LAST], high[LAST])
    assert torch.equal(table[attention], low[attention])


def test_a_table_without_default_leaves_the_settings_own() -> None:
    method = make_method("ties", {"density": {"mlp": 0.5}, "trim": "tensor"})
    assert method.settings["density"] == {"default": 0.2, "mlp": 0.5}
    # A weight that no entry fits is none.
    assert make_method("linear", {"alpha": {"mlp": 0.5}}).settings["alpha"] == {"mlp": 0.5}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("ties", {"densty": 0.5}, r"no setting 'densty'; did you mean density\? It has: alpha"),
        ("ties", {"donor.densty": 0.5}, r"no setting 'donor.densty'; did you mean density"),
        ("ties", {"third.density": 0.5}, "no setting 'third.density'"),
        ("ties", {"donor0.density": 0.5}, "no setting 'donor0.density'"),
        (
            "ties",
            {"base.lambda": 0.5},
            "lambda of the method ties is one for all models; .* differ in density",
        ),
        ("slerp", {"alpha": 0.5, "base.alpha": 0.5}, "none of its settings differs between models"),
        ("ties", {"base.density": 1.5}, "density must be a number from 0 to 1"),
        ("ties", {"density": [0.2, 0.5]}, "give trim=tensor as well"),
        ("ties", {"donor.density": {"mlp": 0.5}}, "give trim=tensor as well"),
        ("della", {"donor2.density": 0.95}, "density 0.95 and epsilon 0.1"),
        ("della_linear", {"base.epsilon": 0.6}, "density 0.5 and epsilon 0.6"),
        ("tise", {}, r"no merge method 'tise'; did you mean ties\?"),
    ],
)
def test_what_is_wrong_is_said(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(MergeError, match=said):
        make_method(name, given)


def test_a_donor_that_is_not_there_is_said(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"donor2\.density speaks of a donor that is not there"):
        merge(
            tmp_path / "out",
            folders,
            "donor",
            method="ties",
            pretrained="pretrained",
            **{"donor2.density": 0.5},
        )


@pytest.mark.parametrize("name", [method.name for method in all_methods() if method.base_weight == "rest"])
def test_donors_never_leave_the_base_less_than_nothing(
    name: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    if find_method(name).donors == "one":
        return
    with pytest.raises(MergeError, match=r"weights sum to 1\.3 .* less than nothing"):
        merge(tmp_path / "out", folders, "donor", "other", method=name, alpha=(0.7, 0.6))
