"""Every method against what mergekit 0.1.5 and the published scripts wrote, with their own masks."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from adamms.checkpoints import Checkpoint, CheckpointWriter
from adamms.mapping import MappedDonor, TensorMapping, map_parameters
from adamms.merging import MappedCheckpoint, MergeInputs, Method, make_method
from adamms.merging.stream import stream_merge
from adamms.recipes.mergekit import recipe_parts
from adamms.recipes.recipe import make_recipe
from adamms.runs.loading import method_of
from golden_files import Golden, GoldenMasks, golden, weights

TOLERANCE = 1e-6
MERGEKIT = ("llama", "qwen2", "three")
MODELS = ("base", "model_a", "model_b", "model_c")
OFFICIAL = ("qwen2vl", "owl", "cogvlm")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """Every golden file's inputs as checkpoints, by file and side."""
    written: dict[str, dict[str, Path]] = {}
    for family in MERGEKIT:
        file, root = golden(f"mergekit_{family}"), tmp_path_factory.mktemp(family)
        written[family] = {
            side: file.write(side, root / side, file.about["config"])
            for side in MODELS
            if file.part(f"inputs/{side}/")
        }
    for family in OFFICIAL:
        file, root = golden(f"official_{family}"), tmp_path_factory.mktemp(family)
        configs = file.about["configs"]
        written[family] = {
            side: file.write(side, root / side, configs.get(side, {}))
            for side in ("base", "donor", "pretrained")
        }
    return written


def merge(
    folder: Path,
    base: Path,
    donors: tuple[Path, ...],
    pretrained: Path | None,
    method: Method,
    draws: GoldenMasks | None,
    kept: tuple[str, ...] = (),
) -> dict[str, torch.Tensor]:
    folder.mkdir()
    with ExitStack() as models:
        one, *others = (models.enter_context(Checkpoint.open(path)) for path in (base, *donors))

        def view(model: Checkpoint) -> MappedCheckpoint:
            mapping = map_parameters(one, model)
            for name in mapping.tensors if model in others else ():
                if any(part in name for part in kept):
                    mapping.tensors[name] = TensorMapping("kept", "by hand")
            return MappedCheckpoint(model, MappedDonor(mapping, one, model))

        ancestor = view(models.enter_context(Checkpoint.open(pretrained))) if pretrained else None
        parents = MergeInputs(one, tuple(map(view, others)), ancestor)
        writer = CheckpointWriter(folder, one)
        stream_merge(parents, method=method, writer=writer, draws=draws)
        writer.finish()
    return weights(folder)


def worst(merged: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    assert expected
    return max(float((merged[name] - tensor).abs().max()) for name, tensor in expected.items())


def mergekit_runs() -> Iterator[Any]:
    for family in MERGEKIT:
        for run in golden(f"mergekit_{family}").about["runs"]:
            yield pytest.param(family, run, id=f"{family}-{run}")


@pytest.mark.parametrize(("family", "run"), list(mergekit_runs()))
def test_mergekits_yaml_gives_mergekits_weights(
    folders: dict[str, dict[str, Path]], tmp_path: Path, family: str, run: str
) -> None:
    file, at = golden(f"mergekit_{family}"), folders[family]
    parts, _ = recipe_parts(file.about["runs"][run])
    donors = [parts["donor"], *(each["model"] for each in parts["donors"])]
    masks = file.part(f"masks/{run}/")
    merged = merge(
        tmp_path / "out",
        at[parts["base"]],
        tuple(at[name] for name in donors),
        at[parts["pretrained"]] if "pretrained" in parts else None,
        method_of(make_recipe(**parts)),
        GoldenMasks(masks, parts["base"], *donors) if masks else None,
    )
    assert worst(merged, file.part(f"merged/{run}/")) <= TOLERANCE


def count_of_task_vector(file: Golden) -> int:
    """The task vector's length in the scripts: every language key of the base."""
    return sum(
        tensor.numel() for name, tensor in file.part("inputs/base/").items() if "vision_mlp" not in name
    )


def official(file: Golden, run: str) -> tuple[str, dict[str, Any]]:
    """The scripts' arithmetic in our settings; K is what they keep."""
    keep = file.about["runs"][run]["K"]
    # K from 1 upwards is per cent.
    keep = keep / 100 if keep >= 1 else keep
    if run.startswith("ties"):
        # The scripts keep int(D K) + 1 entries, one more than the paper's top K.
        count = count_of_task_vector(file)
        density = min(1.0, (int(count * keep) + 1.5) / count)
        return "ties", {"density": density, "consensus": "sum"}
    mean = {"lambda": 0.5}
    return {
        "task_arithmetic": ("task_arithmetic", mean),
        "metagpt": ("metagpt", {}),
        "dare_linear": ("dare_linear", {**mean, "drop": 1 - keep}),
        "dare_ties": ("dare_ties", {"drop": 1 - keep, "consensus": "sum"}),
    }[run]


def official_runs() -> Iterator[Any]:
    for family in OFFICIAL:
        for run in golden(f"official_{family}").about["runs"]:
            yield pytest.param(family, run, id=f"{family}-{run}")


@pytest.mark.parametrize(("family", "run"), list(official_runs()))
def test_the_published_scripts_task_vector_merges(
    folders: dict[str, dict[str, Path]], tmp_path: Path, family: str, run: str
) -> None:
    file, at = golden(f"official_{family}"), folders[family]
    method, settings = official(file, run)
    masks = file.part(f"masks/{run}/")
    # The script for mPLUG-Owl2 lists the donor first; the CogVLM script leaves the vision experts' MLP out.
    order = ("tv1", "tv0") if family == "owl" else ("tv0", "tv1")
    merged = merge(
        tmp_path / "out",
        at["base"],
        (at["donor"],),
        at["pretrained"],
        make_method(method, settings),
        GoldenMasks(masks, *order) if masks else None,
        kept=("vision_mlp",),
    )
    expected = file.part(f"merged/{run}/")
    assert worst(merged, expected) <= TOLERANCE
