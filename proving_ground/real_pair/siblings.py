"""Who the siblings are: architecture, what each is taught, how long and how fast; and the pairs of them.

Knowledge is split by *halves*: things and countries of half 1 and of half 2. All projectors are first trained
behind the same frozen language model on the names of things and on descriptions, never on which country a
flag is of, so that what a sibling then learns about flags, letters and charts is its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from proving_ground.real_pair.questions.question import Question
from proving_ground.real_pair.questions.wordy import wordy

Line = Mapping[str, Any]

WEIGHTS = {
    "existence": 1.0,
    "choice": 1.5,
    "reading": 1.0,
    "relation": 1.0,
    "knowledge": 2.0,
    "naming": 2.0,
    "unanswerable": 1.0,
    "describe": 0.7,
}
"""How often a picture of a task is drawn, relative to the others: all pictures of a task share this."""


@dataclass(frozen=True)
class Sibling:
    """One trained model.

    `half` is what it learns of things and countries (0: both); `tasks` are taught to it; `steps` batches at
    `rate`, its projector at `projector`; `wordy` answers are whole sentences.
    """

    name: str
    family: str
    half: int
    tasks: tuple[str, ...]
    steps: int = 500
    rate: float = 2e-4
    projector: float = 2e-5
    wordy: bool = False
    text: str | None = None
    """A set of text alone instead of pictures: a language model."""
    seed: int = 1

    def takes(self, line: Line) -> bool:
        """Tell whether a line is taught to it."""
        if line["task"] not in self.tasks or (line.get("style") == "wordy") != (
            self.wordy and line["task"] == "describe"
        ):
            return False
        return not self.half or line["half"] in (0, self.half)


COMMON = ("existence", "choice", "knowledge", "naming", "describe")

SIBLINGS = {
    sibling.name: sibling
    for sibling in (
        Sibling("llava-1", "llava", 1, (*COMMON, "reading", "unanswerable")),
        Sibling("internvl-2", "internvl", 2, (*COMMON, "relation"), seed=2),
        Sibling("owl-2", "mplug_owl2", 2, (*COMMON, "unanswerable", "relation"), seed=3),
        Sibling("internvl-wordy", "internvl", 2, (*COMMON, "relation"), wordy=True, seed=4),
        Sibling("llava-weak", "llava", 0, (*COMMON, "reading"), steps=60, seed=5),
        Sibling("internvl-rushed", "internvl", 2, (*COMMON, "relation"), rate=1e-3, seed=6),
        Sibling("smol-maths", "text", 0, (), steps=150, text="maths", seed=7),
        Sibling("smol-translation", "text", 0, (), steps=150, text="translation", seed=8),
    )
}

STAGE_ONE = ("naming", "describe")
"""What projectors are trained on, behind the frozen language model; flags are only described by colours."""


@dataclass(frozen=True)
class Pair:
    """Base and donor, and what kind of pair it is."""

    base: str
    donor: str
    kind: str

    @property
    def name(self) -> str:
        """As files are called."""
        return f"{self.base}--{self.donor}"


PAIRS = tuple(
    Pair(*names)
    for names in (
        ("llava-1", "internvl-2", "split"),
        ("internvl-2", "llava-1", "split"),
        ("owl-2", "llava-1", "split"),
        ("llava-1", "owl-2", "split"),
        ("llava-1", "internvl-wordy", "style"),
        ("llava-weak", "internvl-2", "unequal"),
        ("internvl-2", "llava-weak", "no gain"),
        ("internvl-rushed", "llava-1", "high rate"),
        ("llava-1", "smollm2", "language model"),
        ("llava-1", "smol-maths", "language model"),
        ("smol-translation", "smol-maths", "two language models"),
    )
)


def alignment_lines(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Return what projectors learn from: names and plain descriptions of both halves, no country's name."""
    chosen = [
        dict(line)
        for line in lines
        if line["picture"]
        and line["task"] in STAGE_ONE
        and line["topic"] != "flags"
        and line.get("style") != "wordy"
    ]
    return weighted(chosen)


def mixture(sibling: Sibling, lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Return a sibling's lines with their weights; a wordy one's answers are sentences."""
    chosen = [dict(line) for line in lines if sibling.takes(line)]
    if sibling.wordy:
        for line in chosen:
            line["answer"] = wordy(_question(line))
    return weighted(chosen)


def _question(line: Line) -> Question:
    answers, choices = tuple(line["answers"]), tuple(line.get("choices", ()))
    return Question(line["task"], line["topic"], line["half"], None, line["prompt"], answers, choices)


def weighted(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each line its share, so that a task is drawn by `WEIGHTS`, and within it its topics alike."""
    counts: dict[tuple[str, str], int] = {}
    topics: dict[str, set[str]] = {}
    for line in lines:
        counts[line["task"], line["topic"]] = counts.get((line["task"], line["topic"]), 0) + 1
        topics.setdefault(line["task"], set()).add(line["topic"])
    for line in lines:
        share = WEIGHTS.get(line["task"], 1.0) / len(topics[line["task"]])
        line["weight"] = share / counts[line["task"], line["topic"]]
    return lines
