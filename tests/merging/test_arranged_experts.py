"""Experts that lie otherwise in the donor: every way through the merge gives the values of the plain one."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import adamms
from adamms.checkpoints import Checkpoint
from adamms.errors import MergeError
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MappedCheckpoint, MergeInputs, make_method
from adamms.merging.parent_store import CachedParents
from adamms.merging.tensors import TensorMerger
from adapters import low_rank, plus, write_adapter

HIDDEN, INNER, EXPERTS = 16, 6, 3
MLP = "model.layers.0.mlp."
STACK = f"{MLP}experts.gate_up_proj"
KINDS = ("base", "donor", "ancestor")


def models(root: Path) -> None:
    """Three relatives, each as stacks `[experts, in, out]` and as one tensor an expert, of equal values."""
    generator = torch.Generator().manual_seed(0)
    shapes = {
        "model.embed_tokens.weight": (20, HIDDEN),
        "model.norm.weight": (HIDDEN,),
        "lm_head.weight": (20, HIDDEN),
        "model.layers.0.input_layernorm.weight": (HIDDEN,),
        f"{MLP}gate.weight": (EXPERTS, HIDDEN),
    }
    shapes |= {f"model.layers.0.self_attn.{part}_proj.weight": (HIDDEN, HIDDEN) for part in "qkvo"}
    for number in range(EXPERTS):
        for part, shape in (("gate", (INNER, HIDDEN)), ("up", (INNER, HIDDEN)), ("down", (HIDDEN, INNER))):
            shapes[f"{MLP}experts.{number}.{part}_proj.weight"] = shape
    start = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    for kind in KINDS:
        share = 0.0 if kind == "ancestor" else 0.1
        single = {
            name: (value + share * torch.randn(value.shape, generator=generator)).to(torch.bfloat16)
            for name, value in start.items()
        }
        for layout, tensors in (("single", single), ("stacked", stacked(single))):
            (root / f"{kind}-{layout}").mkdir()
            save_file(tensors, root / f"{kind}-{layout}" / "model.safetensors", metadata={"format": "pt"})
            (root / f"{kind}-{layout}" / "config.json").write_text('{"tie_word_embeddings": false}')


def stacked(single: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    def stack(part: str) -> torch.Tensor:
        return torch.stack(
            [single[f"{MLP}experts.{number}.{part}_proj.weight"].T for number in range(EXPERTS)]
        )

    rest = {name: value for name, value in single.items() if "experts" not in name}
    return rest | {
        STACK: torch.cat([stack("gate"), stack("up")], dim=2).contiguous(),
        f"{MLP}experts.down_proj": stack("down").contiguous(),
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixtures")
    models(folder)
    return folder


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("linear", {"alpha": 0.3}),
        ("ties", {"density": 0.5}),
        ("dare_linear", {"drop": 0.5, "seed": 3}),
        ("task_arithmetic", {}),
        ("slerp", {"alpha": 0.3}),
    ],
)
def test_the_donors_layout_does_not_matter(
    root: Path, method: str, settings: dict[str, float], tmp_path: Path
) -> None:
    for base in ("stacked", "single"):
        merged = {}
        for donor in ("stacked", "single"):
            needs = {} if method in ("linear", "slerp") else {"pretrained": root / f"ancestor-{donor}"}
            out = tmp_path / f"{base}-{donor}"
            adamms.merge(
                root / f"base-{base}", root / f"donor-{donor}", out, method=method, settings=settings, **needs
            )
            merged[donor] = load_file(out / "model.safetensors")
        assert list(merged["stacked"]) == list(merged["single"])
        assert all(torch.equal(merged["stacked"][name], value) for name, value in merged["single"].items())
        before = load_file(root / f"base-{base}" / "model.safetensors")
        assert not any(
            torch.equal(before[name], merged["single"][name]) for name in before if "experts" in name
        )


def test_live_weights_are_the_written_ones(root: Path, tmp_path: Path) -> None:
    out = adamms.merge(root / "base-stacked", root / "donor-single", tmp_path / "out", alpha=0.3).path
    written = load_file(out / "model.safetensors")
    with Checkpoint.open(root / "base-stacked") as base, Checkpoint.open(root / "donor-single") as donor:
        mapped = MappedDonor(map_parameters(base, donor), base, donor)
        inputs = MergeInputs(base, (MappedCheckpoint.of(mapped),))
        method = make_method("linear", {"alpha": 0.3})
        for store in (None, CachedParents(inputs, method, device=torch.device("cpu"))):
            merger = TensorMerger(inputs, store=store)
            assert STACK in inputs.changed(method)
            assert all(
                torch.equal(merger.merged(name, method), written[name]) for name in inputs.changed(method)
            )


def test_an_adapter_on_single_experts_reaches_the_stack(root: Path, tmp_path: Path) -> None:
    """Folded values are merged before they are rounded, as those of any tensor are."""
    name = f"{MLP}experts.1.up_proj"
    adapter = write_adapter(tmp_path / "lora", low_rank({name: (INNER, HIDDEN)}))
    donor = plus(root / "donor-single", adapter)
    plain, arranged = (
        load_file(
            adamms.merge(root / f"base-{layout}", donor, tmp_path / layout, alpha=0.5).path
            / "model.safetensors"
        )
        for layout in ("single", "stacked")
    )
    assert all(torch.equal(arranged[name], value) for name, value in stacked(plain).items())


def test_a_damaged_expert_is_named(root: Path, tmp_path: Path) -> None:
    tensors = load_file(root / "donor-single" / "model.safetensors")
    tensors[f"{MLP}experts.2.up_proj.weight"][1, 2] = float("nan")
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        MergeError, match=r"gate_up_proj \(arranged as in the base\) in the donor holds 1 NaN"
    ):
        adamms.merge(root / "base-stacked", tmp_path, tmp_path / "out", alpha=0.3)
