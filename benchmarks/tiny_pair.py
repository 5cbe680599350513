"""A random Qwen2-VL and a random LLaVA-OneVision, and questions for them."""

import json
import sys
from pathlib import Path

NEAR = 0.003
"""Standard deviation of a near relative's distance; that of the weights is 0.3."""


def tiny_pair(folder: Path, *, near: bool = False) -> tuple[Path, Path, Path]:
    """Base, donor and inputs.

    Args:
        folder: where they are written.
        near: the donor's language model is the base's, a little moved, so that neighbouring candidates mostly
            answer alike, and fewer tokens end an answer, so that it is long.
    """
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    import tiny_models

    ends = {"eos_token_id": list(range(0, 260, 80 if near else 10))}
    base = tiny_models.build("qwen2_vl", folder / "base", generation=ends)
    donor = tiny_models.build("llava_onevision", folder / "donor", seed=1)
    if near:
        draw_near(base, donor)
    lines = []
    for index in range(200):
        tiny_models.picture(48 + index % 3 * 16, 48, seed=index).save(folder / f"{index}.png")
        lines.append(
            json.dumps({"id": str(index), "image": f"{index}.png", "prompt": "Why? " * (index % 5 + 1)})
        )
    (folder / "inputs.jsonl").write_text("\n".join(lines))
    return base, donor, folder / "inputs.jsonl"


def draw_near(base: Path, donor: Path) -> None:
    """Give the donor the base's language model, a little moved."""
    import torch
    from safetensors.torch import load_file, save_file

    from adamms.checkpoints import Checkpoint
    from adamms.mapping import map_parameters

    entries = map_parameters(Checkpoint.open(base), Checkpoint.open(donor)).tensors
    ours, theirs = load_file(base / "model.safetensors"), load_file(donor / "model.safetensors")
    torch.manual_seed(0)
    for name, entry in entries.items():
        for piece in entry.segments:
            start, stop = piece.base_rows or (0, len(ours[name]))
            first, last = piece.donor_rows or (0, len(theirs[piece.donor]))
            rows = ours[name][start:stop]
            theirs[piece.donor][first:last] = rows + NEAR * torch.randn(rows.shape)
    save_file(theirs, donor / "model.safetensors", metadata={"format": "pt"})
