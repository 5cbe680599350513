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

from adamms.zoo.conversation import Layout
from adamms.zoo.facts import Facts, all_facts
from adamms.zoo.mixtures import ALIGNMENT, Mixture
from adamms.zoo.models import SPECIALS, Family, family_model, language_parameters
from adamms.zoo.pictures import Album, Picture
from adamms.zoo.pretraining import answer_loss, cosine
from adamms.zoo.progress import Progress, Report
from adamms.zoo.questions import Turn
from adamms.zoo.scenes import CELLS
from adamms.zoo.towers import (
    PICTURE_TOKEN,
    PICTURE_TOKENS,
    picture_features,
    pixels,
    teach_tagging,
    tower_parameters,
)
from adamms.zoo.vocabulary import vocabulary

Conversation = tuple[Picture, list[Turn]]


@dataclass(frozen=True)
class TuningSettings:
    """How long and how fast each stage goes."""

    tagging_steps: int = 600
    alignment_steps: int = 200
    tuning_steps: int = 400
    batch: int = 40
    alignment_rate: float = 1e-3
    vision_rate: float = 3e-4
    language_rate: float = 1e-3
    seed: int = 1


class Student:
    """A multimodal model in training, with its album's pixel values at hand."""

    def __init__(self, family: Family, model: Any, album: Album) -> None:
        self.family, self.model, self.album = family, model, album
        self._pictures = album.everything()
        self._values = pixels(family, self._pictures)
        self._row = {id(picture): row for row, picture in enumerate(self._pictures)}
        self._layout = Layout(PICTURE_TOKENS[family], SPECIALS[family])
        self._picture_row = vocabulary(SPECIALS[family])[PICTURE_TOKEN[family]]

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
        features = picture_features(self.model, self.family, self._values[rows])
        hidden = read(self.model, self.family, ids, features=features, picture_row=self._picture_row)
        return answer_loss(self.model, hidden, labels)


def read(model: Any, family: Family, ids: Tensor, *, features: Tensor, picture_row: int) -> Tensor:
    """Return the language model's last hidden states over text rows with picture features in their places."""
    embedded = model.get_input_embeddings()(ids)
    where = (ids == picture_row).unsqueeze(-1)
    embedded = embedded.masked_scatter(where, features.to(embedded.dtype))
    positions = None
    if family == "qwen2-vl":
        positions = qwen2_vl_positions(ids.shape[1], first=3).expand(3, ids.shape[0], -1)
    text = model.model.language_model
    hidden: Tensor = text(inputs_embeds=embedded, position_ids=positions, use_cache=False).last_hidden_state
    return hidden


def qwen2_vl_positions(width: int, *, first: int) -> Tensor:
    """Return Qwen2-VL's three-dimensional positions of a row whose picture's nine tokens begin at `first`."""
    cells = torch.arange(CELLS)
    picture = first + torch.stack([torch.zeros_like(cells), cells // 3, cells % 3])
    before = torch.arange(first).expand(3, -1)
    after = (first + 3 + torch.arange(width - first - CELLS)).expand(3, -1)
    return torch.cat([before, picture, after], dim=1).unsqueeze(1)


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
    student = align(family, pretrained, album=album, settings=settings, report=report)
    return tune(student, mixture, settings=settings, report=report)


def align(
    family: Family, pretrained: Any, *, album: Album, settings: TuningSettings, report: Report = print
) -> Student:
    """Return a student whose tower is aligned to theta_0 and whose language model still is theta_0."""
    torch.manual_seed(settings.seed)
    student = Student(family, family_model(family, pretrained).train(), album)
    student.tag(pretrained=pretrained, steps=settings.tagging_steps, seed=settings.seed, report=report)
    _train(
        student,
        ALIGNMENT,
        [{"params": tower_parameters(student.model, family), "lr": settings.alignment_rate}],
        steps=settings.alignment_steps,
        settings=settings,
        title=f"{family} alignment",
        report=report,
    )
    return student


def tune(student: Student, mixture: Mixture, *, settings: TuningSettings, report: Report = print) -> Any:
    """Tune tower and language model on a mixture; returns the model."""
    torch.manual_seed(settings.seed)
    language = list(language_parameters(student.model).values())
    groups = [
        {"params": tower_parameters(student.model, student.family), "lr": settings.vision_rate},
        {"params": language, "lr": settings.language_rate},
    ]
    _train(
        student,
        mixture,
        groups,
        steps=settings.tuning_steps,
        settings=settings,
        title=f"{student.family} tuning",
        report=report,
    )
    return student.model.eval()


def _train(
    student: Student,
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
        loss = student.loss(mixture.draw(student.album, count=settings.batch, rng=rng, facts=facts))
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        progress.add(loss.item())
