"""What is asked in a search, cut into tasks: a model, and a slice of the inputs.

One process works them off one after the other, many workers share them. Floats depend on what shares a
batch, so a slice is prepared and answered by itself, wherever that happens, and its answers are kept together
or not at all: then it does not matter who answered, nor how often somebody had to begin anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

from adamms.answering.engine import GivenAnswer, Likelihood
from adamms.errors import AdaMMSError
from adamms.responses.candidates import format_alpha
from adamms.responses.responses import Response

Kind = Literal["donor", "base", "candidate", "stand-in", "pretrained"]


@dataclass(frozen=True)
class ModelName:
    """Whom a task asks, by a name that means the same in every process of a run."""

    kind: Kind
    """A donor or the base by itself; a candidate; alpha 1 in a donor's stead; theta_0 in the base's body."""
    number: float = 0.0
    """The candidate's value, or the donor's number from 1."""

    @property
    def checkpoint(self) -> str:
        """What has to be loaded: all but the donors are the base with other weights."""
        return f"donor {self.number:g}" if self.kind == "donor" else "base"

    def __str__(self) -> str:
        if self.kind == "candidate":
            return format_alpha(self.number)
        return {
            "donor": f"the donor {self.number:g}",
            "base": "the base",
            "stand-in": f"alpha 1 in the stead of the donor {self.number:g}",
            "pretrained": "the pretrained model",
        }[self.kind]


@dataclass(frozen=True)
class Task:
    """A model and the inputs that it is asked together."""

    model: ModelName
    ids: tuple[str, ...]
    given: Mapping[str, tuple[GivenAnswer, ...]] | None = None
    """Input id -> answers that are read; where left out the model answers."""
    kept_together: bool = True
    """Whether its answers count only once all are there."""

    def __str__(self) -> str:
        last = f" to {self.ids[-1]}" if self.ids[1:] else ""
        return f"{self.model}, inputs {self.ids[0]}{last}"

    def without(self, done: Mapping[str, object]) -> "Task":
        """The task, without the inputs that are done."""
        return Task(self.model, tuple(id_ for id_ in self.ids if id_ not in done), self.given, False)

    def to_json(self) -> dict[str, Any]:
        """As it travels to another process."""
        given = None
        if self.given is not None:
            given = {id_: [asdict(answer) for answer in self.given[id_]] for id_ in self.ids}
        return {
            "model": [self.model.kind, self.model.number],
            "ids": list(self.ids),
            "given": given,
            "kept_together": self.kept_together,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Task":
        """What `to_json` gave."""
        given = data["given"] and {
            id_: tuple(GivenAnswer(**answer) for answer in answers) for id_, answers in data["given"].items()
        }
        kind, number = data["model"]
        return cls(ModelName(kind, number), tuple(data["ids"]), given, data["kept_together"])


@dataclass(frozen=True)
class Opinions:
    """How probable a model finds the answers to an input that it was given."""

    id: str
    likelihoods: tuple[Likelihood, ...]


Answer = Response | Opinions
"""What comes back for one input of a task."""


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """As it travels to another process, every digit of it."""
    return asdict(answer)


def answer_from_json(data: Mapping[str, Any]) -> Answer:
    """What `answer_to_json` gave."""
    if "likelihoods" in data:
        return Opinions(data["id"], tuple(Likelihood(**entry) for entry in data["likelihoods"]))
    return Response(**data)


@dataclass(frozen=True)
class Outcome:
    """What came of a task: some or all of its answers, or why its model cannot be asked."""

    task: Task
    answers: Sequence[Answer] = ()
    error: AdaMMSError | None = None


def in_order(task: Task, answers: Sequence[Answer]) -> list[Answer]:
    """A task's answers in the order of its inputs."""
    by_id = {answer.id: answer for answer in answers}
    return [by_id[id_] for id_ in task.ids]


def slices(ids: Sequence[str], *, most: int) -> list[tuple[str, ...]]:
    """The inputs in as few parts as there can be of `most` at most, in their order, all but equally long."""
    count = -(-len(ids) // most)
    bounds = [len(ids) * place // count for place in range(count + 1)] if count else []
    return [tuple(ids[start:end]) for start, end in pairwise(bounds)]
