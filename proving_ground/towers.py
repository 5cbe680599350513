"""The first lesson of a vision tower: tagging the picture's cells.

Each tower learns to say, in theta_0's own word embeddings, what each of the nine cells shows
(`pretraining.bags`). All towers of a line thereby speak the same language: that is what makes the donor's
language model usable behind the base's tower.
"""

import random
from typing import Any

import torch
from torch import Tensor

from proving_ground.families import Family
from proving_ground.pictures import Picture
from proving_ground.pretraining import bags, cosine
from proving_ground.progress import Progress, Report


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
        targets = bags(pretrained, [picture.scene for picture in pictures], language=family.language)
    parameters = family.tower(model)
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.01)
    schedule = cosine(optimizer, steps=steps)
    spread = targets.var().item()
    progress = Progress(f"{family.name} tagging", steps=steps, report=report)
    for _ in range(steps):
        rows = torch.tensor(rng.sample(range(len(pictures)), k=min(batch, len(pictures))))
        loss = torch.nn.functional.mse_loss(family.cells(model, values[rows]), targets[rows]) / spread
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        progress.add(loss.item())
