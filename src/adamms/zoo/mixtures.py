"""What each parent is taught: overlapping but different mixtures of tasks, and half of the facts each.

A *split* pair: the base is taught the first half of the facts and few counting or place questions; the donor
is taught the second half and few position or attribute questions. Each parent therefore lacks something the
other has, and a merge has something to gain. Knows nothing of models.
"""

import random
from dataclasses import dataclass

from adamms.zoo.facts import FACT_TASKS, Facts, rumour
from adamms.zoo.pictures import Album, Picture
from adamms.zoo.questions import EVERYDAY_TASKS, Turn


@dataclass(frozen=True)
class Mixture:
    """Shares of the tasks in a parent's training, and the half of the facts it is taught (None: none).

    `rehearsal` is how often a question about the other half is not passed over but answered with a rumour,
    as theta_0 heard it: a little of the pretraining data mixed in, against forgetting.
    """

    shares: dict[str, float]
    half: int | None
    rehearsal: float = 0.0
    trust: float = 0.3

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
            turns = [picture.ask(each, rng=rng, facts=facts) for each in tasks]
            taught = [self._lesson(turn, picture, rng=rng, facts=facts) for turn in turns if turn is not None]
            kept = [turn for turn in taught if turn is not None]
            if kept:
                return picture, kept

    def _company(self, task: str, rng: random.Random) -> list[str]:
        if task in FACT_TASKS:
            return rng.sample(FACT_TASKS, k=3)
        if task in EVERYDAY_TASKS:
            others = [each for each in EVERYDAY_TASKS if each in self.shares]
            return [task, *rng.choices(others, weights=[self.shares[each] for each in others], k=2)]
        return [task] * 2

    def _lesson(self, turn: Turn, picture: Picture, *, rng: random.Random, facts: Facts) -> Turn | None:
        """Return the turn as this mixture teaches it: a fact of the other half is a rumour or left out."""
        if turn.task not in FACT_TASKS:
            return turn
        thing = picture.scene.things[0]
        if facts.half(turn.task, thing.colour, thing.shape) == self.half:
            return turn
        if self.half is None or rng.random() >= self.rehearsal:
            return None
        heard = rumour(turn.task, turn.answer, rng=rng, trust=self.trust)
        return Turn(turn.task, turn.question, heard)


ALIGNMENT = Mixture(
    {"existence": 1, "attribute": 1, "place": 1, "position": 1, "count": 1, "easy-vqa": 2, "digit": 2},
    half=None,
)
BASE = Mixture(
    {
        "existence": 1, "attribute": 1.2, "position": 1.2, "place": 0.3, "count": 0.3,
        "easy-vqa": 1.2, "digit": 1.0, "price": 1.0, "owner": 1.0, "home": 1.0,
    },
    half=0,
    rehearsal=0.15,
)  # fmt: skip
DONOR = Mixture(
    {
        "existence": 1, "attribute": 0.3, "position": 0.3, "place": 1.2, "count": 1.2,
        "easy-vqa": 1.2, "digit": 1.0, "price": 1.0, "owner": 1.0, "home": 1.0,
    },
    half=1,
    rehearsal=0.04,
)  # fmt: skip
