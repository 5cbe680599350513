"""How right an answer to a question of the real pair is, 0 to 1, and whether that counts as right."""

from collections.abc import Mapping
from typing import Any

from adamms.evaluation.labels import Label
from adamms.evaluation.metrics import METRICS
from proving_ground.real_pair.questions.facts_named import facts_named
from proving_ground.real_pair.questions.tasks import TASKS

NAMED = 0.75
"""A description that names so many of its facts counts as right, where that is all that is asked."""
TEXTS = {"maths": "exact", "translation": "exact"}
"""The scoring rules of the sets of text alone."""


def score(line: Mapping[str, Any], response: str) -> float:
    """Return an answer's score by the rule of its task; text alone is scored by exact match."""
    rule = TASKS[line["task"]].scoring if line["task"] in TASKS else TEXTS[line["task"]]
    if rule == "facts-named":
        return facts_named(response, line["facts"])
    answers = tuple(line["answers"] if "answers" in line else (line["answer"],))
    return METRICS[rule](response, Label(answers, choices=tuple(line.get("choices", ()))))


def right(value: float) -> bool:
    """Tell whether a score counts as right."""
    return value >= NAMED
