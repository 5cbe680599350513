"""Sets of questions: everything for training, a balanced draw for development and for reporting."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from proving_ground.real_pair.pictures.picture import Picture, Split, seeded
from proving_ground.real_pair.questions.knowledge import without_pictures
from proving_ground.real_pair.questions.question import Question, World
from proving_ground.real_pair.questions.tasks import TASKS, Task

CLEAR_WEIGHT = 4
"""`unanswerable` has four topics without an answer and one with: half and half."""


def question_set(split: Split, pictures: Sequence[Picture], world: World) -> list[Question]:
    """Write a split's questions about these pictures."""
    if split == "train":
        questions = [
            question for name, task in TASKS.items() for question in _asked(name, task, pictures, world)
        ]
        return [*questions, *without_pictures(world)]
    return [
        question
        for name, task in TASKS.items()
        for question in balanced(_asked(name, task, pictures, world), task.questions)
    ]


def _asked(name: str, task: Task, pictures: Sequence[Picture], world: World) -> list[Question]:
    questions: list[Question] = []
    for picture in pictures:
        draws = task.draws if picture.split == "train" else 1
        seen: set[str] = set()
        for draw in range(draws):
            rng = seeded(name, picture.name, draw)
            fresh = [question for question in task.write(picture, rng, world) if question.prompt not in seen]
            # Pairs stay pairs: of the second draw only whole ones are kept.
            if name == "existence":
                fresh = _whole_pairs(task.write(picture, seeded(name, picture.name, draw), world), seen)
            seen.update(question.prompt for question in fresh)
            questions += fresh
    return questions


def _whole_pairs(questions: list[Question], seen: set[str]) -> list[Question]:
    """Of a repeated draw the pairs whose `no` is new; its `yes` is asked again, to keep the balance."""
    return [
        question
        for yes, no in zip(questions[::2], questions[1::2], strict=True)
        if no.prompt not in seen
        for question in (yes, no)
    ]


def balanced(questions: Sequence[Question], count: int) -> list[Question]:
    """Draw `count` questions, evenly over topics, over the halves of a topic and over the answers there.

    What a scarce topic lacks is drawn from the others. The two questions of an existence pair stay together.
    """
    groups: dict[tuple[str, int], list[list[Question]]] = defaultdict(list)
    for unit in _units(questions):
        groups[unit[0].topic, unit[0].half].append(unit)
    for key, units in groups.items():
        seeded("balance", *key).shuffle(units)
        groups[key] = _answers_in_turn(units)
    parts = Counter(topic for topic, _ in groups)
    weights = {key: (CLEAR_WEIGHT if key[0] == "clear" else 1) / parts[key[0]] for key in groups}
    taken: dict[tuple[str, int], int] = dict.fromkeys(groups, 0)
    size = max((len(units[0]) for units in groups.values()), default=1)
    for _ in range(count // size):
        open_groups = [key for key in groups if taken[key] < len(groups[key])]
        if not open_groups:
            break
        # The group that is furthest behind its share.
        key = min(open_groups, key=lambda group: (taken[group] + 0.5) / weights[group])
        taken[key] += 1
    return [question for key in groups for unit in groups[key][: taken[key]] for question in unit]


def _answers_in_turn(units: list[list[Question]]) -> list[list[Question]]:
    """Order so that every answer comes once before any comes twice, as far as there are enough."""
    turns: Counter[str] = Counter()
    order = []
    for unit in units:
        answer = unit[0].answers[0]
        order.append((turns[answer], unit))
        turns[answer] += 1
    return [unit for _, unit in sorted(order, key=lambda entry: entry[0])]


def _units(questions: Sequence[Question]) -> Iterable[list[Question]]:
    if questions and questions[0].task == "existence":
        return ([yes, no] for yes, no in zip(questions[::2], questions[1::2], strict=True))
    return ([question] for question in questions)


def write_set(file: Path, questions: Sequence[Question], *, split: Split) -> None:
    """Write a set, one JSON a line; the ids number a task's questions."""
    numbers: Counter[str] = Counter()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as stream:
        for question in questions:
            id_ = f"{question.task}-{split[:3]}-{numbers[question.task]:06d}"
            numbers[question.task] += 1
            stream.write(json.dumps(question.to_line(id_), ensure_ascii=False) + "\n")
