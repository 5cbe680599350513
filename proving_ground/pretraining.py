"""theta_0: a small language model (Qwen2 or Llama), pretrained from nothing on conversations about scenes.

Most scenes are shown as nine bags of words standing where picture tokens will stand later (the sum of
the words' embeddings, plus noise), a few are told in words. So theta_0 is not a pure text model: it has
learnt to read what a vision tower may say. It also hears rumours of the facts (`facts.py`).
"""

import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from proving_ground.conversation import CHATML, COGVLM, IGNORED, VICUNA, Layout, Style
from proving_ground.facts import FACT_TASKS, KNOWLEDGE, Facts, all_facts, noisy_fact
from proving_ground.models import Line, pretrained_model
from proving_ground.progress import Progress, Report
from proving_ground.questions import EVERYDAY_TASKS, Turn, ask
from proving_ground.scenes import CELLS, Scene, big_scene, cell_words, digit_scene, grid_scene
from proving_ground.vocabulary import Language

BAG_WORDS, BAG_NOISE = 4, 0.15
STYLES: dict[Line, tuple[Style, ...]] = {"qwen2": (CHATML,), "llama": (VICUNA, VICUNA, COGVLM)}


@dataclass(frozen=True)
class PretrainingSettings:
    """How long and how fast theta_0 learns; `trust` is how often a rumour it hears is true.

    `riddles` are kinds of facts it is asked about and hears only noise of.
    """

    steps: int = 2000
    batch: int = 56
    learning_rate: float = 2e-3
    trust: float = 0.3
    riddles: tuple[str, ...] = ()
    seed: int = 1
    line: Line = "qwen2"


def pretrain(settings: PretrainingSettings, *, report: Report = print) -> Any:
    """Train theta_0 from nothing and return it (float32)."""
    torch.manual_seed(settings.seed)
    rng = random.Random(settings.seed)
    facts = all_facts()
    model = pretrained_model(settings.line)
    layouts = [Layout(style, (style.language.padding,) * CELLS) for style in STYLES[settings.line]]
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = cosine(optimizer, steps=settings.steps)
    progress = Progress("theta_0", steps=settings.steps, report=report)
    for _ in range(settings.steps):
        examples = [_example(rng, facts=facts, settings=settings) for _ in range(settings.batch)]
        # One style a batch: Llama's children speak in two, and their parent has heard both.
        layout = layouts[0] if len(layouts) == 1 else rng.choice(layouts)
        loss = bag_loss(model, layout, examples, rng=rng)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        progress.add(loss.item())
    return model.eval()


def cosine(optimizer: torch.optim.Optimizer, *, steps: int) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a schedule: a short warm-up, then a cosine down to a fiftieth."""
    warm = max(1, min(100, steps // 10))

    def scale(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        progress = (step - warm) / max(1, steps - warm)
        return 0.02 + 0.49 * (1 + float(torch.cos(torch.tensor(progress * torch.pi))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, scale)


def bags(model: Any, scenes: list[Scene], *, language: Language, noise: float = 0.0) -> Tensor:
    """Return what a picture of each scene should look like to the language model: (scenes, cells, hidden)."""
    embeddings = model.get_input_embeddings().weight
    ids = language.rows()
    rows = torch.zeros(len(scenes), CELLS, BAG_WORDS, dtype=torch.long)
    mask = torch.zeros(len(scenes), CELLS, BAG_WORDS, 1)
    for index, scene in enumerate(scenes):
        for cell, words in enumerate(cell_words(scene)):
            rows[index, cell, : len(words)] = torch.tensor([ids[word] for word in words])
            mask[index, cell, : len(words)] = 1.0
    bag = (embeddings[rows] * mask).sum(dim=2)
    return bag + noise * torch.randn_like(bag) if noise else bag


def bag_loss(
    model: Any, layout: Layout, examples: list[tuple[Scene, list[Turn]]], *, rng: random.Random
) -> Tensor:
    """Return the loss of conversations whose scenes are shown as bags, a few of them told in words."""
    conversations, shown = [], []
    for scene, turns in examples:
        told = scene.kind == "grid" and rng.random() < 0.1
        picture = layout.word_rows(_telling(scene)) if told else None
        conversations.append(layout.rows(turns, picture))
        shown.append(not told)
    ids, labels = layout.batch(conversations)
    embedded = model.get_input_embeddings()(ids)
    where = torch.zeros_like(ids, dtype=torch.bool)
    start = layout.style.picture_start
    where[torch.tensor(shown), start : start + CELLS] = True
    visible = [scene for (scene, _), seen in zip(examples, shown, strict=True) if seen]
    if visible:
        pictures = bags(model, visible, language=layout.style.language, noise=BAG_NOISE)
        embedded = embedded.masked_scatter(where.unsqueeze(-1), pictures)
    hidden = model.model(inputs_embeds=embedded, use_cache=False).last_hidden_state
    return answer_loss(model, hidden, labels)


def answer_loss(model: Any, hidden: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy of the next token, where the labels count."""
    targets = labels[:, 1:]
    counted = targets != IGNORED
    logits = model.lm_head(hidden[:, :-1][counted])
    return torch.nn.functional.cross_entropy(logits, targets[counted])


def _telling(scene: Scene) -> list[str]:
    told = [[*cell_words(scene)[thing.cell], ","] for thing in scene.things]
    return [word for phrase in told for word in phrase]


def _example(rng: random.Random, *, facts: Facts, settings: PretrainingSettings) -> tuple[Scene, list[Turn]]:
    kind = rng.random()
    if kind < 0.55:
        scene = grid_scene(rng, things=rng.randint(1, 5))
        tasks = rng.choices(EVERYDAY_TASKS, k=4)
    elif kind < 0.80:
        scene = grid_scene(rng, things=1)
        known = tuple(dict.fromkeys((*FACT_TASKS, *settings.riddles)))
        tasks = [*rng.sample(known, k=3), "attribute"]
    elif kind < 0.92:
        scene, tasks = big_scene(rng), ["easy-vqa"] * 4
    else:
        scene, tasks = digit_scene(rng), ["digit"] * 2
    asked = [ask(task, scene, rng=rng, facts=facts) for task in tasks]
    turns = [turn for turn in asked if turn is not None]
    return scene, [_as_noisy_fact(turn, rng, settings) for turn in turns]


def _as_noisy_fact(turn: Turn, rng: random.Random, settings: PretrainingSettings) -> Turn:
    if turn.task not in KNOWLEDGE:
        return turn
    trust = 0.0 if turn.task in settings.riddles else settings.trust
    return Turn(turn.task, turn.question, noisy_fact(turn.task, turn.answer, rng=rng, trust=trust))
