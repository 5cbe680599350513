"""From theta_0 to a parent: align the tower with a frozen language model, then tune both on a mixture.

The two stages are LLaVA's. The language model's learning rate in the second stage sets the size of the task
vector, and with it how far apart the two parents end. The forward pass here feeds features straight to the
language model; it equals the real classes' own forward (a test says so) and is several times faster.
"""

import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from proving_ground.facts import Facts, all_facts
from proving_ground.families import Family
from proving_ground.mixtures import ALIGNMENT, Mixture
from proving_ground.pictures import Album, Picture
from proving_ground.pretraining import answer_loss, cosine
from proving_ground.progress import Progress, Report
from proving_ground.questions import Turn
from proving_ground.towers import teach_tagging

Conversation = tuple[Picture, list[Turn]]


@dataclass(frozen=True)
class TuningSettings:
    """How long and how fast each stage goes; at a `vision_rate` of 0 the tower stays as it was aligned."""

    tagging_steps: int = 600
    alignment_steps: int = 200
    tuning_steps: int = 400
    batch: int = 40
    alignment_rate: float = 1e-3
    vision_rate: float = 3e-4
    language_rate: float = 1e-3
    seed: int = 1


class Trainer:
    """A multimodal model in training, with its album's pixel values at hand."""

    def __init__(self, family: Family, model: Any, album: Album) -> None:
        self.family, self.model, self.album = family, model, album
        self._pictures = album.everything()
        self._values = family.pixels([picture.image for picture in self._pictures])
        self._row = {id(picture): row for row, picture in enumerate(self._pictures)}
        self._layout = family.layout()
        self._seen: Tensor | None = None

    def freeze_tower(self, *, at_once: int = 256) -> None:
        """Encode every picture once: the tower is not going to change any more."""
        if self._seen is None:
            starts = range(0, len(self._values), at_once)
            with torch.no_grad():
                parts = [self.family.features(self.model, self._values[i : i + at_once]) for i in starts]
            self._seen = torch.cat(parts).float()

    def tag(self, *, pretrained: Any, steps: int, seed: int, report: Report) -> None:
        """Give the tower its first lesson."""
        teach_tagging(
            self.model,
            self.family,
            self._pictures,
            self._values,
            pretrained=pretrained,
            steps=steps,
            seed=seed,
            report=report,
        )

    def loss(self, conversations: list[Conversation]) -> Tensor:
        """Return the loss of the answers in a batch of conversations."""
        rows = torch.tensor([self._row[id(picture)] for picture, _ in conversations])
        ids, labels = self._layout.batch([self._layout.rows(turns) for _, turns in conversations])
        if self._seen is None:
            features = self.family.features(self.model, self._values[rows])
        else:
            features = self._seen[rows]
        return answer_loss(self.model, self.family.read(self.model, ids, features), labels)


def raise_parent(
    family: Family,
    pretrained: Any,
    mixture: Mixture,
    *,
    album: Album,
    settings: TuningSettings,
    report: Report = print,
) -> Any:
    """Grow a parent from theta_0: tag, align, tune."""
    trainer = align(family, pretrained, album=album, settings=settings, report=report)
    return tune(trainer, mixture, settings=settings, report=report)


def align(
    family: Family,
    pretrained: Any,
    *,
    album: Album,
    settings: TuningSettings,
    init_from: Any = None,
    report: Report = print,
) -> Trainer:
    """Return a trainer whose tower is aligned to theta_0 and whose language model still is theta_0.

    The tower begins as that of `init_from`, a model of the family, if there is one: it can see already, and
    only learns to say it in this theta_0's words.
    """
    torch.manual_seed(settings.seed)
    model = family.grow(pretrained).train()
    if init_from is not None:
        with torch.no_grad():
            for part, taught in zip(family.tower(model), family.tower(init_from), strict=True):
                part.copy_(taught)
    trainer = Trainer(family, model, album)
    trainer.tag(pretrained=pretrained, steps=settings.tagging_steps, seed=settings.seed, report=report)
    _train(
        trainer,
        ALIGNMENT,
        [{"params": family.tower(trainer.model), "lr": settings.alignment_rate}],
        steps=settings.alignment_steps,
        settings=settings,
        title=f"{family.name} alignment",
        report=report,
    )
    return trainer


def tune(trainer: Trainer, mixture: Mixture, *, settings: TuningSettings, report: Report = print) -> Any:
    """Tune tower and language model on a mixture; returns the model."""
    torch.manual_seed(settings.seed)
    groups = [{"params": trainer.family.text(trainer.model), "lr": settings.language_rate}]
    if settings.vision_rate:
        groups.insert(0, {"params": trainer.family.tower(trainer.model), "lr": settings.vision_rate})
    else:
        trainer.freeze_tower()
    _train(
        trainer,
        mixture,
        groups,
        steps=settings.tuning_steps,
        settings=settings,
        title=f"{trainer.family.name} tuning",
        report=report,
    )
    return trainer.model.eval()


def _train(
    trainer: Trainer,
    mixture: Mixture,
    groups: list[dict[str, Any]],
    *,
    steps: int,
    settings: TuningSettings,
    title: str,
    report: Report,
) -> None:
    rng = random.Random(f"{settings.seed} {title}")
    facts: Facts = all_facts()
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    schedule = cosine(optimizer, steps=steps)
    parameters = [parameter for group in groups for parameter in group["params"]]
    progress = Progress(title, steps=steps, report=report)
    for _ in range(steps):
        loss = trainer.loss(mixture.draw(trainer.album, count=settings.batch, rng=rng, facts=facts))
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        progress.add(loss.item())
