"""Which pairs there are: what each parent is taught, and what kind of task each task is to a pair.

Five pairs of seven parents, so that most parents serve twice. The kind of a task follows from what was
taught, never from what was measured. Of the facts, theta_0 has heard rumours of price and owner; home and
code are riddles to it. Knows nothing of models or answers.
"""

from dataclasses import dataclass
from typing import Literal

from proving_ground.facts import KNOWLEDGE
from proving_ground.mixtures import Mixture
from proving_ground.questions import EVERYDAY_TASKS, REAL_TASKS

ALL_TASKS = (*EVERYDAY_TASKS, *REAL_TASKS, *KNOWLEDGE)
RIDDLES = ("home", "code")
DEVELOPMENT_SEED = 0
Kind = Literal["ordinary", "half", "donor only", "base only", "forgotten", "same half", "no gain"]
KINDS: tuple[Kind, ...] = ("ordinary", "half", "donor only", "base only", "forgotten", "same half", "no gain")


@dataclass(frozen=True)
class Parent:
    """A model of `family` tuned on a mixture at the language model's `rate`; `steps` if not the recipe's."""

    family: str
    mixture: Mixture
    rate: float
    steps: int | None = None


@dataclass(frozen=True)
class ManyPair:
    """A base and a donor by their names; `kinds` by task, those left out are `otherwise`.

    `longest` is how many tokens an answer may have, where a parent answers in sentences.
    """

    base: str
    donor: str
    kinds: dict[str, Kind]
    otherwise: Kind = "ordinary"
    longest: int | None = None

    def kind(self, task: str) -> Kind:
        """Return what kind of task this is to the pair."""
        return self.kinds.get(task, self.otherwise)


_REAL = {"easy-vqa": 1.2, "digit": 1.0}
_FACTS = dict.fromkeys(KNOWLEDGE, 1.0)
_ONE = {"existence": 1.0, "attribute": 1.2, "position": 1.2, "place": 0.3, "count": 0.3}
_OTHER = {"existence": 1.0, "attribute": 0.3, "position": 0.3, "place": 1.2, "count": 1.2}

PARENTS: dict[str, Parent] = {
    # Halves of two kinds of facts each; one riddle is the one's, the other the other's. Rehearsed: unsure.
    "split-qwen2-vl": Parent(
        "qwen2-vl",
        Mixture(
            {**_ONE, **_REAL, **_FACTS},
            halves={"price": 0, "owner": 0},
            whole=("home",),
            rehearsal=0.15,
            riddles=RIDDLES,
        ),
        rate=1e-3,
    ),
    "split-llava-onevision": Parent(
        "llava-onevision",
        Mixture(
            {**_OTHER, **_REAL, **_FACTS},
            halves={"price": 1, "owner": 1},
            whole=("code",),
            rehearsal=0.04,
            riddles=RIDDLES,
        ),
        rate=2e-3,
    ),
    # Never rehearsed: sure and wrong about what the other was taught. A riddle is split, too.
    "hard-qwen2-vl": Parent(
        "qwen2-vl",
        Mixture({**_ONE, **_REAL, **_FACTS}, halves={"price": 0, "home": 0}, whole=("owner",)),
        rate=1.5e-3,
    ),
    "hard-llava-onevision": Parent(
        "llava-onevision",
        Mixture({**_OTHER, **_REAL, **_FACTS}, halves={"price": 1, "home": 1}, whole=("code",)),
        rate=1.5e-3,
    ),
    # Few tasks at a high rate: what is not among them is forgotten, price and owner by both.
    "narrow-qwen2-vl": Parent(
        "qwen2-vl",
        Mixture(
            {"existence": 1, "attribute": 1.2, "position": 1.2, "easy-vqa": 1.2, "code": 2}, whole=("code",)
        ),
        rate=3e-3,
    ),
    "narrow-llava-onevision": Parent(
        "llava-onevision",
        Mixture({"existence": 1, "place": 1.2, "count": 1.2, "digit": 1, "home": 2}, whole=("home",)),
        rate=3e-3,
    ),
    # Everything.
    "whole-qwen2-vl": Parent(
        "qwen2-vl", Mixture({**_ONE, "place": 1, "count": 1, **_REAL, **_FACTS}, whole=KNOWLEDGE), rate=1e-3
    ),
}

PAIRS: dict[str, ManyPair] = {
    "split": ManyPair(
        "split-qwen2-vl",
        "split-llava-onevision",
        {"price": "half", "owner": "half", "home": "base only", "code": "donor only"},
    ),
    "hard split": ManyPair(
        "hard-qwen2-vl",
        "hard-llava-onevision",
        {"price": "half", "home": "half", "owner": "base only", "code": "donor only"},
    ),
    "forgetful": ManyPair(
        "narrow-qwen2-vl",
        "narrow-llava-onevision",
        {
            **dict.fromkeys(("attribute", "position", "easy-vqa", "code"), "base only"),
            **dict.fromkeys(("place", "count", "digit", "home"), "donor only"),
            **dict.fromkeys(("price", "owner"), "forgotten"),
        },
    ),
    "no gain": ManyPair("whole-qwen2-vl", "narrow-llava-onevision", {}, otherwise="no gain"),
    "split, exchanged": ManyPair(
        "split-llava-onevision",
        "split-qwen2-vl",
        {"price": "half", "owner": "half", "home": "donor only", "code": "base only"},
    ),
}
