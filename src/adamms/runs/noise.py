"""How much of a difference between candidates is the engine's own: the same one asked twice.

Where an answer may depend on what else is asked at the same time (vLLM without batch-invariant kernels), a
candidate that is asked again, in another order, shows how many answers change by themselves.
"""

from dataclasses import dataclass

from adamms.answering.tasks import ModelName, Task
from adamms.responses import Response, Responses
from adamms.runs.executors import Executor
from adamms.searching.answer_table import comparable

MOST = 50
"""Inputs that are asked again, at most."""


@dataclass(frozen=True)
class Noise:
    """One candidate asked twice."""

    alpha: float
    asked: int
    differing: int

    @property
    def remarks(self) -> tuple[str, ...]:
        """A sentence for the choice where answers changed by themselves; none where they did not."""
        if not self.differing:
            return ()
        return (
            f"Noise floor: asked again in another order, the candidate {self.alpha:g} answered "
            f"{self.differing} of {self.asked} inputs otherwise, so as many may differ between any two "
            "candidates by chance.",
        )


def measure_noise(executor: Executor, responses: Responses, *, fold_case: bool) -> Noise:
    """Ask the first candidate that answered again, mostly the base.

    Args:
        executor: what answers.
        responses: what the candidates answered.
        fold_case: whether answers are compared so.

    Raises:
        SearchError: the base cannot be asked.
    """
    answered = next(alpha for alpha, answers in responses.items() if answers)
    before = responses[answered]
    task = Task(ModelName("candidate", answered), tuple(before)[:MOST][::-1], kept_together=False)
    differing = 0
    for outcome in executor.run([task]):
        if outcome.error is not None:
            raise outcome.error
        for again in outcome.answers:
            assert isinstance(again, Response)
            texts = [comparable(answer, fold_case=fold_case) for answer in (again, before[again.id])]
            differing += texts[0] != texts[1]
    return Noise(answered, len(task.ids), differing)
