"""Vision towers: a fast way through them for training, and their first lesson, tagging the picture's cells.

Each tower first learns to say, in theta_0's own word embeddings, what each of the nine cells shows
(`pretraining.bags`). Both towers thereby speak the same language: that is what makes the donor's language
model usable behind the base's tower. The features here equal `get_image_features` of the real classes (a
test says so); LLaVA-OneVision's are the nine of the whole picture, then the single tile's nine, each of its
three rows closed by `image_newline`, which is the layout its real processor asks for.
"""

import random
from typing import Any

import torch
from torch import Tensor

from adamms.zoo.models import Family
from adamms.zoo.pictures import Picture
from adamms.zoo.pretraining import bags, cosine
from adamms.zoo.processors import image_processor
from adamms.zoo.progress import Progress, Report
from adamms.zoo.scenes import CELLS

PICTURE_TOKENS: dict[Family, tuple[str, ...]] = {
    "qwen2-vl": ("<|vision_start|>", *("<|image_pad|>",) * CELLS, "<|vision_end|>"),
    "llava-onevision": ("<image>",) * (CELLS + CELLS + 3),
}
PICTURE_TOKEN: dict[Family, str] = {"qwen2-vl": "<|image_pad|>", "llava-onevision": "<image>"}


def pixels(family: Family, pictures: list[Picture]) -> Tensor:
    """Process pictures with the family's own image processor: one row of pixel values a picture."""
    processor = image_processor(family)
    images = [picture.image for picture in pictures]
    values: Tensor = processor(images=images, return_tensors="pt")["pixel_values"]
    if family == "qwen2-vl":
        return values.view(len(images), -1, values.shape[-1])
    return values[:, 0]  # every picture becomes one 48 x 48 tile, the same as the whole picture


def cell_features(model: Any, family: Family, values: Tensor) -> Tensor:
    """Return what the tower says about the nine cells: (pictures, cells, hidden)."""
    if family == "qwen2-vl":
        count = values.shape[0]
        grid = torch.tensor([[1, 6, 6]]).expand(count, 3)
        merged = model.model.visual(values.reshape(-1, values.shape[-1]), grid_thw=grid).pooler_output
        return merged.view(count, CELLS, -1)
    tower = model.model.vision_tower(values, output_hidden_states=True)
    features: Tensor = model.model.multi_modal_projector(tower.hidden_states[-1])
    return features


def picture_features(model: Any, family: Family, values: Tensor) -> Tensor:
    """Return the features in the order of the picture tokens: (pictures, tokens, hidden)."""
    cells = cell_features(model, family, values)
    if family == "qwen2-vl":
        return cells
    count, _, width = cells.shape
    newline = model.model.image_newline.expand(count, 3, 1, width)
    tile = torch.cat([cells.view(count, 3, 3, width), newline], dim=2).flatten(1, 2)
    return torch.cat([cells, tile], dim=1)


def tower_parameters(model: Any, family: Family) -> list[torch.nn.Parameter]:
    """Return everything that is not the language model."""
    if family == "qwen2-vl":
        return list(model.model.visual.parameters())
    parts = (model.model.vision_tower, model.model.multi_modal_projector)
    return [*(p for part in parts for p in part.parameters()), model.model.image_newline]


def teach_tagging(
    model: Any,
    family: Family,
    pictures: list[Picture],
    values: Tensor,
    *,
    pretrained: Any,
    steps: int,
    batch: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 1,
    report: Report = print,
) -> None:
    """Teach the tower to emit, for each cell, the bag of words theta_0 reads."""
    rng = random.Random(seed)
    with torch.no_grad():
        targets = bags(pretrained, [picture.scene for picture in pictures])
    optimizer = torch.optim.AdamW(tower_parameters(model, family), lr=learning_rate, weight_decay=0.01)
    schedule = cosine(optimizer, steps=steps)
    spread = targets.var().item()
    progress = Progress(f"{family} tagging", steps=steps, report=report)
    for _ in range(steps):
        rows = torch.tensor(rng.sample(range(len(pictures)), k=min(batch, len(pictures))))
        features = cell_features(model, family, values[rows])
        loss = torch.nn.functional.mse_loss(features, targets[rows]) / spread
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower_parameters(model, family), 1.0)
        optimizer.step()
        schedule.step()
        progress.add(loss.item())
