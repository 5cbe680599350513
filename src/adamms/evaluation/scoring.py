"""Answers against labels: one score over all, and one a task.

The mean of a metric over what was answered.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from adamms.errors import EvaluationError
from adamms.evaluation.labels import Label
from adamms.evaluation.metrics import metric_named
from adamms.responses.responses import Response


@dataclass(frozen=True)
class TaskScore:
    """A mean and over how many answers."""

    score: float
    """From 0 to 1."""
    count: int
    stderr: float | None = field(default=None, compare=False)
    """The mean's standard error; None of a single answer."""

    def to_json(self) -> dict[str, Any]:
        """As `adamms eval --json` prints it."""
        return {"score": self.score, "stderr": self.stderr, "count": self.count}


@dataclass(frozen=True)
class Evaluation:
    """How well one model answered."""

    alpha: float
    metric: str
    total: TaskScore
    tasks: Mapping[str, TaskScore]
    """Empty where the labels name no tasks."""
    unanswered: int
    """Labelled inputs without an answer; they do not count."""
    by_input: Mapping[str, float] = field(default_factory=dict)
    """Input id -> how right its answer is, which pairs two models' answers to the same inputs."""

    def to_json(self) -> dict[str, Any]:
        """One entry of `"results"` in what `adamms eval --json` prints."""
        return {
            "alpha": self.alpha,
            **self.total.to_json(),
            "unanswered": self.unanswered,
            "tasks": {task: mean.to_json() for task, mean in self.tasks.items()},
            "by_input": dict(self.by_input),
        }


def evaluate(
    responses: Mapping[str, Response], labels: Mapping[str, Label], *, metric: str = "exact"
) -> Evaluation:
    """Score one model's answers.

    Args:
        responses: input id -> what was answered.
        labels: input id -> what is right; more than were asked is no fault.
        metric: a name in `METRICS`.

    Raises:
        EvaluationError: nothing was answered, an answered input has no label, or the metric does not fit the
            labels.
    """
    scores = answer_scores(responses, labels, metric=metric)
    by_task: dict[str, list[float]] = {}
    for id_, score in scores.items():
        task = labels[id_].task
        if task is not None:
            by_task.setdefault(task, []).append(score)
    return Evaluation(
        alpha=next(iter(responses.values())).alpha,
        metric=metric,
        total=_mean(list(scores.values())),
        tasks={task: _mean(values) for task, values in by_task.items()},
        unanswered=len(labels) - len(scores),
        by_input=scores,
    )


def answer_scores(
    responses: Mapping[str, Response], labels: Mapping[str, Label], *, metric: str = "exact"
) -> dict[str, float]:
    """How right each answer is, from 0 to 1, by input id; arguments and errors as in `evaluate`."""
    how = metric_named(metric)
    if not responses:
        raise EvaluationError("There are no answers to score.")
    unknown = [id_ for id_ in responses if id_ not in labels]
    if unknown:
        raise EvaluationError(
            f"{len(unknown)} of {len(responses)} answered inputs have no true answer "
            f'(the first: "{unknown[0]}").'
        )
    # In the labels' order, so that a sum does not depend on who was answered first.
    return {id_: how(responses[id_].response, label) for id_, label in labels.items() if id_ in responses}


def _mean(scores: list[float]) -> TaskScore:
    count, mean = len(scores), sum(scores) / len(scores)
    if count < 2:
        return TaskScore(mean, count)
    variance = sum((score - mean) ** 2 for score in scores) / (count - 1)
    return TaskScore(mean, count, math.sqrt(variance / count))
