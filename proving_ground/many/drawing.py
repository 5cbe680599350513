"""The questions of the many pairs: a fixed number a task, all different, about pictures nobody was taught on.

Pictures of the development split for the seed that rules are chosen on, held-out ones for the others. There
are only 64 objects: a kind of facts is asked about each of them several times, in different pictures.
"""

import random
from collections.abc import Sequence

from proving_ground.facts import KNOWLEDGE, Facts, all_facts
from proving_ground.many.pairs import ALL_TASKS
from proving_ground.measuring import Question
from proving_ground.pictures import (
    Album,
    Picture,
    Split,
    big_pictures,
    digit_pictures,
    easy_vqa_pictures,
    grid_pictures,
    object_pictures,
)

ROUNDS = 40


def question_album(split: Split, *, each: int, real: bool = True) -> Album:
    """Collect enough pictures for `each` questions a task; `real=False` as in `pictures.album`."""
    return Album(
        grid=grid_pictures(split, each),
        object=object_pictures(split, copies=-(-each // 64)),
        big=easy_vqa_pictures(split, each) if real else big_pictures(split, each),
        digit=digit_pictures(split, each) if real else [],
    )


def draw_questions(album: Album, *, each: int, seed: int, tasks: Sequence[str] = ALL_TASKS) -> list[Question]:
    """Draw `each` different questions a task, task after task; as many as there are where there are fewer."""
    facts = all_facts()
    drawn: list[Question] = []
    for task in tasks:
        rng = random.Random(f"{seed} {task}")
        of_task: dict[tuple[int, str], Question] = {}
        for picture in _round_and_round(album.of(task), rng):
            if len(of_task) == each:
                break
            turn = picture.ask(task, rng=rng, facts=facts)
            if turn is not None:
                question = Question(picture, turn, _half(task, picture, facts))
                of_task.setdefault((id(picture), turn.question), question)
        drawn += of_task.values()
    return drawn


def _round_and_round(pictures: list[Picture], rng: random.Random) -> list[Picture]:
    """Every picture once, in a random order, then all again."""
    return [picture for _ in range(ROUNDS) for picture in rng.sample(pictures, k=len(pictures))]


def _half(task: str, picture: Picture, facts: Facts) -> int | None:
    if task not in KNOWLEDGE:
        return None
    thing = picture.scene.things[0]
    return facts.half(task, thing.colour, thing.shape)
