"""Writing the pair to disk as any hub checkpoint is, and the scores that the tests hold it to.

Weights are rounded to bfloat16 first and everything is measured afterwards, on the rounded weights, computed
in float32: the numbers in `scores.json` are those of the files. Knows nothing of training.
"""

import json
from pathlib import Path
from typing import Any

import torch

from adamms.zoo.measuring import Examiner, Question, accuracy, differences, merged
from adamms.zoo.models import FAMILIES, Family
from adamms.zoo.processors import PRETRAINED_TEMPLATE, save_processor, save_tokenizer
from adamms.zoo.vocabulary import PADDING, TURN_END, vocabulary

ALPHAS = tuple(round(0.1 * step, 1) for step in range(11))
SEARCHED = 7  # the paper's candidates, 0 to 0.6


def rounded(model: Any) -> Any:
    """Round a model's weights to bfloat16 and back, in place."""
    return model.to(torch.bfloat16).to(torch.float32).eval()


def save_model(folder: Path, model: Any, *, family: Family | None) -> None:
    """Write one model, bfloat16, with all its companion files; `family` None is theta_0."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = vocabulary()
    model.generation_config.eos_token_id = [ids[TURN_END], ids[PADDING]]
    model.generation_config.pad_token_id = ids[PADDING]
    model.generation_config.bos_token_id = None
    model.to(torch.bfloat16).save_pretrained(folder)
    model.to(torch.float32)
    if family is None:
        save_tokenizer(folder, specials=(), chat_template=PRETRAINED_TEMPLATE)
    else:
        save_processor(folder, family)


def measure(base: Any, donor: Any, asked: list[Question]) -> dict[str, Any]:
    """Measure both parents and every merge, both ways round."""
    models = dict(zip(FAMILIES, (base, donor), strict=True))
    pairs: list[tuple[Family, Family]] = [("qwen2-vl", "llava-onevision"), ("llava-onevision", "qwen2-vl")]
    return {f"{one} <- {two}": _sweep(models, (one, two), asked) for one, two in pairs}


def _sweep(
    models: dict[Family, Any], families: tuple[Family, Family], asked: list[Question]
) -> dict[str, Any]:
    base, donor = (models[family] for family in families)
    examiner = Examiner(families[0], asked)
    features = examiner.features(base)
    answers = [
        examiner.answers(merged(base, donor, alpha=alpha, families=families), features) for alpha in ALPHAS
    ]
    right = [sum(examiner.right(given)) for given in answers]
    by_task = [accuracy(asked, examiner.right(given)) for given in answers]
    changes = differences(answers[:SEARCHED])
    interior = {alpha: count for alpha, count in zip(ALPHAS, changes, strict=False) if count is not None}
    selected = min(interior, key=lambda alpha: (interior[alpha], alpha))
    best = max(range(SEARCHED), key=lambda index: (right[index], -index))
    return {
        "alphas": list(ALPHAS),
        "right": right,
        "accuracy": {name: [round(100 * row[name], 1) for row in by_task] for name in by_task[0]},
        "differences": changes,
        "selected": selected,
        "best": ALPHAS[best],
    }


def save_scores(
    path: Path, *, asked: list[Question], models: dict[Family, Any], sweeps: dict[str, Any]
) -> None:
    """Write the machine-readable scores: right answers by task of each model alone, and the sweeps."""
    alone: dict[str, dict[str, int]] = {}
    for family, model in models.items():
        examiner = Examiner(family, asked)
        hits: dict[str, int] = {}
        for question, hit in zip(asked, examiner.right(examiner.answers(model)), strict=True):
            hits[question.turn.task] = hits.get(question.turn.task, 0) + hit
        alone[family] = hits
    asked_by_task: dict[str, int] = {}
    for question in asked:
        asked_by_task[question.turn.task] = asked_by_task.get(question.turn.task, 0) + 1
    scores = {"asked": asked_by_task, "right": alone, "sweeps": sweeps}
    path.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
