"""The golden merges under tests/data/golden as checkpoints; the README beside them says what they are."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load, save_file

GOLDEN = Path(__file__).parent / "data" / "golden"


class GoldenMasks:
    """A reference's masks in place of random numbers: the hook `draws` of the merging functions."""

    def __init__(self, masks: dict[str, torch.Tensor], *models: str) -> None:
        self._masks = masks
        self._models = models

    def draw(self, name: str, model: int, start: int, count: int) -> torch.Tensor:
        whole = self._masks.get(f"{self._models[model]}.{name}")
        if whole is None:
            # A density of 1 draws nothing.
            return torch.full((count,), -32_768, dtype=torch.int16)
        mask = whole.reshape(-1)[start : start + count]
        return torch.where(mask.bool(), -32_768, 32_767).to(torch.int16)


class Golden:
    """One golden file: inputs, merged tensors and masks by run, and what the runs were."""

    def __init__(self, name: str) -> None:
        data = gzip.decompress((GOLDEN / f"{name}.safetensors.gz").read_bytes())
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        self.about: dict[str, Any] = json.loads(header["__metadata__"]["about"])
        self.tensors = load(data)

    def part(self, prefix: str) -> dict[str, torch.Tensor]:
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }

    def write(self, side: str, folder: Path, config: dict[str, Any]) -> Path:
        folder.mkdir()
        save_file(self.part(f"inputs/{side}/"), folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps(config))
        return folder


@cache
def golden(name: str) -> Golden:
    return Golden(name)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
