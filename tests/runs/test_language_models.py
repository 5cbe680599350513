"""Two plain language models: mapped, merged, searched and verified like any other pair, with words alone."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import adamms
import tiny_models
from adamms.evaluation.verification import verify

PROMPTS = ("What is the capital of France?", "Add 3 and 4.", "Name a colour.", "Is water wet?")


def write_pair(folder: Path, family: str) -> tuple[Path, Path]:
    """A model and another that was trained on from it."""
    base, donor = (tiny_models.build(family, folder / name) for name in ("base", "donor"))
    file = donor / "model.safetensors"
    generator = torch.Generator().manual_seed(5)
    moved = {
        name: value + 0.05 * torch.randn(value.shape, generator=generator)
        for name, value in load_file(file).items()
    }
    save_file(moved, file, metadata={"format": "pt"})
    return base, donor


@pytest.mark.parametrize("family", ["qwen2", "llama"])
def test_from_the_mapping_to_the_verdict(family: str, tmp_path: Path) -> None:
    base, donor = write_pair(tmp_path, family)
    inputs = tmp_path / "prompts.jsonl"
    inputs.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in PROMPTS))
    found = adamms.search(
        base, donor, inputs, tmp_path / "run", alphas="0:0.6:0.2", max_new_tokens=5, exhaustive=True
    )
    mapping = json.loads((tmp_path / "run" / "mapping.json").read_text())
    assert mapping["summary"]["kept"] == mapping["summary"]["partly"] == 0
    for alpha in ("0.00", "0.20", "0.40", "0.60"):
        lines = (tmp_path / "run" / "responses" / f"alpha={alpha}.jsonl").read_text().splitlines()
        assert sorted(json.loads(line)["id"] for line in lines) == ["1", "2", "3", "4"]
    page = (tmp_path / "run" / "report.html").read_text()
    assert all(prompt in page for prompt in PROMPTS)
    assert verify(found.merged).ok
