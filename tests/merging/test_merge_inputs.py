"""Merges of more than two models, with an ancestor, and with a coefficient by depth and part."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from adamms.errors import MergeError
from adamms.merging import all_methods, make_method
from adamms.merging.tensors import TensorMerger
from golden_files import weights
from small_families import NORM, UP, merge, opened, settings_of


def test_three_models_with_a_coefficient_each(folders: dict[str, Path], tmp_path: Path) -> None:
    merged = merge(tmp_path / "out", folders, "donor", "other", alpha=(0.3, 0.2))
    one, two, three = weights(folders["base"]), weights(folders["donor"]), weights(folders["other"])
    exact = 0.5 * one[UP].float() + 0.3 * two[f"language_model.{UP}"].float() + 0.2 * three[UP].float()
    torch.testing.assert_close(merged[UP], exact.bfloat16(), rtol=1e-2, atol=1e-2)
    # The third model has fewer tokens: beyond them it counts as the base.
    name = "lm_head.weight"
    rest = 0.7 * one[name][32:].float() + 0.3 * two[f"language_model.{name}"][32:].float()
    torch.testing.assert_close(merged[name][32:], rest.bfloat16(), rtol=1e-2, atol=1e-2)


def test_a_coefficient_a_donor_is_asked_for(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(MergeError, match="2 donors need 2 coefficients; alpha has 3"):
        merge(tmp_path / "out", folders, "donor", "other", alpha=(0.1, 0.1, 0.1))
    with pytest.raises(MergeError, match="slerp takes one donor, not 2"):
        merge(tmp_path / "other", folders, "donor", "other", method="slerp", alpha=0.1)


def test_alpha_by_part_and_depth(folders: dict[str, Path], tmp_path: Path) -> None:
    alpha = {"norms": 1, "mlp": [0, 0.5], "embeddings": 0, "*.q_proj.bias": 1}
    merged = merge(tmp_path / "out", folders, "donor", alpha=alpha)
    one, two = weights(folders["base"]), weights(folders["donor"])
    first_up = UP.replace("1", "0", 1)
    donor = {name.removeprefix("language_model."): tensor for name, tensor in two.items()}
    for name in (NORM, "model.norm.weight", "model.layers.1.self_attn.q_proj.bias"):
        assert torch.equal(merged[name], donor[name]), name
    for name in (first_up, "lm_head.weight", "model.layers.1.self_attn.o_proj.weight"):
        assert torch.equal(merged[name], one[name]), name
    assert torch.equal(merged[UP], (0.5 * one[UP].float() + 0.5 * donor[UP].float()).bfloat16())


def test_an_ancestor_is_asked_for(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(MergeError, match=r"ties works on task vectors and needs .* --pretrained"):
        merge(tmp_path / "out", folders, "donor", method="ties")


def test_what_the_ancestor_lacks_stays_the_bases(folders: dict[str, Path], tmp_path: Path) -> None:
    merged = merge(
        tmp_path / "out", folders, "donor", method="task_arithmetic", pretrained="headless", alpha=0.5
    )
    one = weights(folders["base"])
    assert torch.equal(merged[UP], one[UP])
    assert not torch.equal(merged[UP.replace("1", "0", 1)], one[UP.replace("1", "0", 1)])
    with ExitStack() as models:
        parents = opened(models, folders, "donor", pretrained="headless")
        method = make_method("task_arithmetic", {})
        assert parents.without_ancestor(method) == (3, 3 * 16 * 24)
        assert UP not in parents.changed(method)


@pytest.mark.parametrize("name", [method.name for method in all_methods()])
def test_threads_do_not_matter_and_whole_tensors_are_what_the_stream_writes(
    folders: dict[str, Path], tmp_path: Path, name: str
) -> None:
    options: dict[str, Any] = {"method": name, "pretrained": "pretrained", **settings_of(name)}
    merged = merge(tmp_path / "one", folders, "donor", threads=1, **options)
    assert any(not torch.equal(merged[key], tensor) for key, tensor in weights(folders["base"]).items())
    again = merge(tmp_path / "five", folders, "donor", threads=5, **options)
    assert all(torch.equal(merged[key], again[key]) for key in merged)
    with ExitStack() as models:
        parents = opened(models, folders, "donor", pretrained="pretrained")
        merger = TensorMerger(parents)
        method = make_method(name, settings_of(name))
        for key in ("lm_head.weight", UP, NORM, "model.layers.0.self_attn.k_proj.bias"):
            assert torch.equal(merger.merged(key, method), merged[key]), key


@pytest.mark.parametrize("name", [method.name for method in all_methods()])
@pytest.mark.parametrize("side", ["donor", "pretrained"])
def test_a_value_that_is_no_number_is_named(
    folders: dict[str, Path], tmp_path: Path, name: str, side: str
) -> None:
    rule = make_method(name, settings_of(name)).rule
    if side == "pretrained" and rule.pretrained == "unused":
        return
    tensors = weights(folders[side])
    damaged = f"language_model.{UP}" if side == "donor" else UP
    tensors[damaged][3, 5:7] = float("nan")
    folder = tmp_path / side
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_bytes((folders[side] / "config.json").read_bytes())
    said = r"mlp\.up_proj\.weight in the (donor|pretrained model) holds 2 NaN or infinite"
    with pytest.raises(MergeError, match=said):
        merge(
            tmp_path / "out",
            {**folders, side: folder},
            "donor",
            method=name,
            pretrained="pretrained",
            **settings_of(name),
        )
