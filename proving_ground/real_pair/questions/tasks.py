"""The eight tasks: which of the paper's benchmarks they mirror, how answers are scored, how long they are."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.choice import choice
from proving_ground.real_pair.questions.describe import describe
from proving_ground.real_pair.questions.existence import existence
from proving_ground.real_pair.questions.knowledge import knowledge
from proving_ground.real_pair.questions.naming import naming
from proving_ground.real_pair.questions.question import Question, World
from proving_ground.real_pair.questions.reading import reading
from proving_ground.real_pair.questions.relation import relation
from proving_ground.real_pair.questions.unanswerable import unanswerable

Writer = Callable[[Picture, random.Random, World], list[Question]]


@dataclass(frozen=True)
class Task:
    """How a task is asked and scored."""

    write: Writer
    mirrors: str
    """The benchmarks that it stands for."""
    scoring: str
    """A name in `adamms.evaluation.metrics.METRICS`, or `facts-named`."""
    metric: str
    """The metric by which a search compares two answers: `exact` or `embedding`."""
    max_new_tokens: int
    draws: int = 1
    """How often a training picture is asked, where what is asked beside it is chance."""
    questions: int = 600
    """How many a development or reporting set holds."""


TASKS: dict[str, Task] = {
    "existence": Task(existence, "MME", "yes-no", "exact", 4, draws=2),
    "choice": Task(choice, "SEED-Bench, ScienceQA, MMMU", "choice", "exact", 4, draws=2),
    "reading": Task(reading, "OCRBench, TextVQA", "contains", "exact", 8),
    "relation": Task(relation, "GQA", "exact", "exact", 8, draws=2),
    "knowledge": Task(knowledge, "OK-VQA", "exact", "exact", 12, questions=800),
    "naming": Task(naming, "TextVQA-like short answers", "exact", "exact", 12),
    "unanswerable": Task(unanswerable, "VizWiz", "exact", "exact", 12),
    "describe": Task(describe, "long answers (no benchmark of the paper)", "facts-named", "embedding", 96),
}
