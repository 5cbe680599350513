"""What each parent is taught: overlapping but different mixtures of tasks, and half of the facts each.

A *split* pair: each parent is taught one half of each kind of fact, and few questions of some everyday tasks.
It therefore lacks something the other has, and a merge has something to gain. Of the three that grow from the
Llama any two differ in the halves of two kinds of facts out of three.
"""

import random
from dataclasses import dataclass, field

from proving_ground.facts import KNOWLEDGE, Facts, noisy_fact
from proving_ground.pictures import Album, Picture
from proving_ground.questions import EVERYDAY_TASKS, Turn
from proving_ground.wording import as_sentence


@dataclass(frozen=True)
class Mixture:
    """Shares of the tasks in a parent's training, and the half of each kind of fact it is taught.

    `rehearsal` is how often a question about the other half is not passed over but answered with a rumour,
    as theta_0 heard it: a little of the pretraining data mixed in, against forgetting. `whole` are kinds of
    facts taught entirely, `riddles` those whose rumours are noise, `sentences` tasks answered in sentences.
    """

    shares: dict[str, float]
    halves: dict[str, int] = field(default_factory=dict)
    rehearsal: float = 0.0
    trust: float = 0.3
    whole: tuple[str, ...] = ()
    riddles: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()

    def draw(
        self, album: Album, *, count: int, rng: random.Random, facts: Facts
    ) -> list[tuple[Picture, list[Turn]]]:
        """Draw pictures, each with a short conversation about it."""
        tasks = [task for task in self.shares if album.of(task)]
        chosen = rng.choices(tasks, weights=[self.shares[task] for task in tasks], k=count)
        return [self._conversation(task, album, rng=rng, facts=facts) for task in chosen]

    def _conversation(
        self, task: str, album: Album, *, rng: random.Random, facts: Facts
    ) -> tuple[Picture, list[Turn]]:
        while True:
            picture = rng.choice(album.of(task))
            tasks = self._company(task, rng)
            turns = [picture.ask(kind, rng=rng, facts=facts) for kind in tasks]
            taught = [self._lesson(turn, picture, rng=rng, facts=facts) for turn in turns if turn is not None]
            kept = [self._worded(turn) for turn in taught if turn is not None]
            if kept:
                return picture, kept

    def _company(self, task: str, rng: random.Random) -> list[str]:
        if task in KNOWLEDGE:
            known = [kind for kind in KNOWLEDGE if kind in self.shares]
            return rng.sample(known, k=min(3, len(known)))
        if task in EVERYDAY_TASKS:
            others = [kind for kind in EVERYDAY_TASKS if kind in self.shares]
            return [task, *rng.choices(others, weights=[self.shares[other] for other in others], k=2)]
        return [task] * 2

    def _lesson(self, turn: Turn, picture: Picture, *, rng: random.Random, facts: Facts) -> Turn | None:
        """Return the turn as this mixture teaches it: a fact of the other half is a rumour or left out."""
        if turn.task not in KNOWLEDGE:
            return turn
        thing = picture.scene.things[0]
        if self.teaches(turn.task, facts.half(turn.task, thing.colour, thing.shape)):
            return turn
        if rng.random() >= self.rehearsal:
            return None
        trust = 0.0 if turn.task in self.riddles else self.trust
        heard = noisy_fact(turn.task, turn.answer, rng=rng, trust=trust)
        return Turn(turn.task, turn.question, heard)

    def _worded(self, turn: Turn) -> Turn:
        if turn.task not in self.sentences:
            return turn
        return Turn(turn.task, turn.question, as_sentence(turn.task, turn.answer))

    def teaches(self, task: str, half: int) -> bool:
        """Tell whether this half of a kind of fact is taught."""
        return task in self.whole or self.halves.get(task) == half


ALIGNMENT = Mixture(
    {"existence": 1, "attribute": 1, "place": 1, "position": 1, "count": 1, "easy-vqa": 2, "digit": 2}
)
_FACTS = {"price": 1.0, "owner": 1.0, "home": 1.0}
_REAL = {"easy-vqa": 1.2, "digit": 1.0}
MIXTURES: dict[str, Mixture] = {
    "qwen2-vl": Mixture(
        {"existence": 1, "attribute": 1.2, "position": 1.2, "place": 0.3, "count": 0.3, **_REAL, **_FACTS},
        halves={"price": 0, "owner": 0, "home": 0},
        rehearsal=0.15,
    ),
    "llava-onevision": Mixture(
        {"existence": 1, "attribute": 0.3, "position": 0.3, "place": 1.2, "count": 1.2, **_REAL, **_FACTS},
        halves={"price": 1, "owner": 1, "home": 1},
        rehearsal=0.04,
    ),
    "llava": Mixture(
        {"existence": 1, "attribute": 1.2, "position": 1.2, "place": 0.7, "count": 0.3, **_REAL, **_FACTS},
        halves={"price": 0, "owner": 0, "home": 0},
        rehearsal=0.15,
    ),
    "cogvlm": Mixture(
        {"existence": 1, "attribute": 0.3, "position": 0.6, "place": 1.2, "count": 1.2, **_REAL, **_FACTS},
        halves={"price": 1, "owner": 1, "home": 0},
        rehearsal=0.15,
    ),
    "mplug_owl2": Mixture(
        {"existence": 1, "attribute": 1.2, "position": 0.3, "place": 0.3, "count": 1.2, **_REAL, **_FACTS},
        halves={"price": 0, "owner": 1, "home": 1},
        rehearsal=0.2,
    ),
}
