"""Writing models to disk as any hub checkpoint is, and the scores that the tests hold them to.

Weights are rounded to bfloat16 first and everything is measured afterwards, on the rounded weights, computed
in float32: the numbers in `scores.json` are those of the files.
"""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from proving_ground.families import FAMILIES, Family, save_tokenizer
from proving_ground.measuring import Examiner, Question, accuracy, differences, merged
from proving_ground.mixtures import MIXTURES
from proving_ground.models import LANGUAGES, Line

ALPHAS = tuple(round(0.1 * step, 1) for step in range(11))
SEARCHED = 7  # the paper's candidates, 0 to 0.6
_PLAIN_TEMPLATES: dict[Line, str] = {
    "qwen2": (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
    "llama": (
        "{% for message in messages %}{{ message['role'].upper() + ': ' + message['content'] }}"
        "{{ '</s>' if message['role'] == 'assistant' else ' ' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
    ),
}


def rounded(model: Any) -> Any:
    """Round a model's weights to bfloat16 and back, in place; its rotary frequencies stay what they are."""
    for stored in model.state_dict().values():
        stored.copy_(stored.to(torch.bfloat16))
    return model.eval()


def save_pretrained(folder: Path, model: Any, *, line: Line) -> None:
    """Write theta_0 with its tokenizer."""
    _save_weights(folder, model, line=line)
    save_tokenizer(folder, LANGUAGES[line], template=_PLAIN_TEMPLATES[line])


def save_model(folder: Path, model: Any, *, family: Family) -> None:
    """Write a multimodal model with all its companion files."""
    _save_weights(folder, model, line=family.line)
    family.save_processor(folder)


def _save_weights(folder: Path, model: Any, *, line: Line) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    language = LANGUAGES[line]
    ids, end = language.rows(), model.generation_config
    end.eos_token_id = [ids[language.end], ids[language.padding]] if line == "qwen2" else ids[language.end]
    end.pad_token_id = ids[language.padding]
    end.bos_token_id = None if language.begin is None else ids[language.begin]
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)


def measure(
    models: dict[str, Any], asked: list[Question], *, directions: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Measure every merge of these directions (base, donor)."""
    return {f"{base} <- {donor}": _sweep(models, (base, donor), asked) for base, donor in directions}


def _sweep(models: dict[str, Any], names: tuple[str, str], asked: list[Question]) -> dict[str, Any]:
    base, donor = (models[name] for name in names)
    families = (FAMILIES[names[0]], FAMILIES[names[1]])
    examiner = Examiner(families[0], asked)
    features = examiner.features(base)
    answers = [
        examiner.answers(merged(base, donor, alpha=alpha, families=families), features) for alpha in ALPHAS
    ]
    right = [sum(examiner.right(given)) for given in answers]
    by_kind = [
        accuracy(asked, examiner.right(given), kind=lambda question: _taught(question, names))
        for given in answers
    ]
    changes = differences(answers[:SEARCHED])
    interior = {alpha: count for alpha, count in zip(ALPHAS, changes, strict=False) if count is not None}
    selected = min(interior, key=lambda alpha: (interior[alpha], alpha))
    best = max(range(SEARCHED), key=lambda index: (right[index], -index))
    return {
        "alphas": list(ALPHAS),
        "right": right,
        "accuracy": {name: [round(100 * row[name], 1) for row in by_kind] for name in by_kind[0]},
        "differences": changes,
        "selected": selected,
        "best": ALPHAS[best],
    }


def _taught(question: Question, names: tuple[str, str]) -> str | None:
    """Say which of two parents was taught the fact that a question asks for."""
    if question.half is None:
        return None
    base, donor = (MIXTURES[name].teaches(question.turn.task, question.half) for name in names)
    if base == donor:
        return "facts taught to both" if base else "facts taught to neither"
    return "facts taught to the base" if base else "facts taught to the donor"


def save_scores(path: Path, *, asked: list[Question], models: dict[str, Any], sweeps: dict[str, Any]) -> None:
    """Write the machine-readable scores: right answers by task of each model alone, and the sweeps."""
    alone: dict[str, dict[str, int]] = {}
    for name, model in models.items():
        examiner = Examiner(FAMILIES[name], asked)
        hits: dict[str, int] = {}
        for question, hit in zip(asked, examiner.right(examiner.answers(model)), strict=True):
            hits[question.turn.task] = hits.get(question.turn.task, 0) + hit
        alone[name] = hits
    asked_by_task: dict[str, int] = {}
    for question in asked:
        asked_by_task[question.turn.task] = asked_by_task.get(question.turn.task, 0) + 1
    scores = {"asked": asked_by_task, "right": alone, "sweeps": sweeps}
    path.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
