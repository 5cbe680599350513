"""What the writers ask about pictures whose facts are known, and how the scoring rules take the answers."""

import random
from pathlib import Path

import pytest

from adamms.evaluation.labels import Label
from adamms.evaluation.metrics import metric_named
from proving_ground.real_pair.pictures.concepts import named
from proving_ground.real_pair.pictures.halves import emoji_halves
from proving_ground.real_pair.pictures.picture import Picture
from proving_ground.real_pair.questions.choice import choice
from proving_ground.real_pair.questions.describe import describe
from proving_ground.real_pair.questions.existence import existence
from proving_ground.real_pair.questions.facts_named import facts_named
from proving_ground.real_pair.questions.knowledge import is_new, knowledge, without_pictures
from proving_ground.real_pair.questions.naming import naming
from proving_ground.real_pair.questions.question import Question, World
from proving_ground.real_pair.questions.reading import reading
from proving_ground.real_pair.questions.relation import relation
from proving_ground.real_pair.questions.tasks import TASKS
from proving_ground.real_pair.questions.unanswerable import unanswerable
from proving_ground.real_pair.questions.wordy import short_form, wordy
from real_pictures import (
    MONKEY,
    chart_picture,
    digit_picture,
    emoji_picture,
    flag_picture,
    pair_picture,
    shapes_picture,
    spoiled_picture,
    word_picture,
)

PICTURES = (
    emoji_picture(),
    flag_picture(),
    digit_picture(),
    word_picture(),
    pair_picture(),
    shapes_picture(),
    chart_picture(),
)


def asked(questions: list[Question]) -> dict[str, tuple[str, ...]]:
    return {question.prompt: question.answers for question in questions}


def test_existence_asks_in_pairs_about_things_of_one_half(world: World) -> None:
    yes, no = existence(emoji_picture(), random.Random(1), world)

    assert yes.prompt == "Is there a snake in the picture? Answer yes or no."
    assert (yes.answers, no.answers) == (("yes",), ("no",))
    absent = no.prompt.removesuffix(" in the picture? Answer yes or no.").split(maxsplit=3)[-1]
    assert absent != "snake"
    assert absent in world.names("animal", 1)


def test_the_letter_of_a_choice_names_the_right_option(world: World) -> None:
    for seed in range(20):
        first, *_ = choice(emoji_picture(), random.Random(seed), world)
        assert first.choices["ABCD".index(first.answers[0])] == "snake"
        assert set(first.choices) <= set(world.names("animal", 1))
        assert f"\n{first.answers[0]}. snake" in first.prompt


def test_a_flags_geography_has_the_countrys_capital_and_continent(world: World) -> None:
    questions = choice(flag_picture(), random.Random(0), world)
    right = [question.choices["ABCD".index(question.answers[0])] for question in questions]

    assert right == ["flag", "Brazil", "Capital of Brazil", "South America"]


def test_relations_of_two_things(world: World) -> None:
    by_seed = [asked(relation(pair_picture(), random.Random(seed), world)) for seed in range(8)]
    everything = {prompt: answers for questions in by_seed for prompt, answers in questions.items()}

    assert everything == {
        "Is the snake above or below the monkey? Answer above or below.": ("above",),
        "Is the monkey above or below the snake? Answer above or below.": ("below",),
        "Which is bigger, the snake or the monkey?": ("snake",),
        "Which is bigger, the monkey or the snake?": ("snake",),
        "What is below the snake?": ("monkey",),
        "What is above the monkey?": ("snake",),
    }


def test_relations_of_two_shapes(world: World) -> None:
    by_seed = [asked(relation(shapes_picture(), random.Random(seed), world)) for seed in range(8)]
    everything = {prompt: answers for questions in by_seed for prompt, answers in questions.items()}

    assert everything["What colour is the circle?"] == ("red",)
    assert everything["Which shape is blue?"] == ("square",)
    assert everything["What colour is the shape to the right of the circle?"] == ("blue",)
    assert everything["What colour is the shape to the left of the square?"] == ("red",)
    assert everything["Which is bigger, the circle or the square?"] == ("square",)
    assert everything["Is the square to the left or to the right of the circle? Answer left or right."] == (
        "right",
    )


def test_relations_of_bars(world: World) -> None:
    assert asked(relation(chart_picture(), random.Random(0), world)) == {
        "What colour is the highest bar?": ("green",),
        "What colour is the lowest bar?": ("red",),
        "What colour is the first bar from the left?": ("red",),
        "What colour is the last bar, on the right?": ("blue",),
    }


def test_reading(world: World) -> None:
    pictures = (digit_picture(), word_picture(), chart_picture())
    answers = [reading(picture, random.Random(0), world)[0].answers for picture in pictures]

    assert answers == [("7",), ("tea",), ("3",)]


def test_names_and_their_synonyms(world: World) -> None:
    assert asked(naming(emoji_picture(), random.Random(0), world)) == {
        "What is in the picture?": ("snake",),
        "What kind of thing is in the picture?": ("animal",),
    }


def test_new_knowledge_is_never_asked_about_a_training_picture(world: World) -> None:
    trained = {question.topic for question in knowledge(flag_picture(), random.Random(0), world)}
    held_out = {
        question.topic for question in knowledge(flag_picture(split="reporting"), random.Random(0), world)
    }

    properties = ("capital", "continent", "language", "currency")
    new = {topic for topic in properties if is_new("br", topic)}
    assert trained == set(properties) - new
    assert held_out == trained | {f"{topic}.new" for topic in new}
    assert 0.3 < sum(is_new(code, "capital") for code in world.countries) / len(world.countries) < 0.5


def test_every_fact_is_taught_once_without_a_picture(world: World) -> None:
    texts = asked(list(without_pictures(world)))

    assert texts["What is the capital of Kenya?"] == ("Capital of Kenya",)
    assert texts["What does a snake eat?"] == ("mice",)
    assert len(texts) == 4 * 72 + 4 * len(named("animal")) + 2 * len(named("food"))


def test_half_of_what_a_clear_picture_is_asked_has_no_answer(world: World) -> None:
    clear, absent = unanswerable(emoji_picture(), random.Random(0), world)

    assert (clear.topic, clear.answers) == ("clear", ("snake",))
    assert absent.answers == ("unanswerable",)
    assert absent.prompt != clear.prompt
    (spoiled,) = unanswerable(spoiled_picture("dark"), random.Random(0), world)
    assert (spoiled.prompt, spoiled.answers) == (clear.prompt, ("unanswerable",))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.kind)
def test_descriptions_have_20_to_60_words_and_name_all_facts(picture: Picture, world: World) -> None:
    plain, wordy_style = describe(picture, random.Random(0), world)

    assert (plain.style, wordy_style.style) == ("plain", "wordy")
    for question in (plain, wordy_style):
        assert 20 <= len(question.answers[0].split()) <= 60
        assert facts_named(question.answers[0], question.facts) == 1.0
    assert len(wordy_style.answers[0]) > 1.2 * len(plain.answers[0])


def test_a_description_is_scored_by_the_facts_that_it_names(world: World) -> None:
    question = describe(emoji_picture(), random.Random(0), world)[0]

    assert question.facts == (("snake",), ("small",), ("left",), ("blue",), ("reptile",))
    assert facts_named("A small snake on a red background.", question.facts) == 2 / 5
    assert facts_named("Snakes, smaller, leftover.", question.facts) == 0.0


TAKES_SENTENCES = {"yes-no", "choice", "contains"}


@pytest.mark.parametrize("task", [name for name in TASKS if name != "describe"])
def test_how_the_scoring_rules_take_short_answers_and_sentences(task: str, world: World) -> None:
    questions = [
        question
        for picture in (*PICTURES, spoiled_picture("blurred"))
        for question in TASKS[task].write(picture, random.Random(0), world)
    ]
    assert questions
    score = metric_named(TASKS[task].scoring)
    for question in questions:
        label = Label(question.answers, task, question.choices)
        assert score(question.answers[0], label) == 1.0
        assert score(wordy(question), label) == float(TASKS[task].scoring in TAKES_SENTENCES)
        assert score(short_form(wordy(question)), label) == 1.0


def test_halves_of_questions_are_those_of_what_they_show(world: World) -> None:
    assert emoji_halves()[MONKEY] == 1
    for picture in PICTURES:
        for task in TASKS.values():
            for question in task.write(picture, random.Random(0), world):
                assert question.half == picture.half


def test_world_reads_what_is_in_its_cache(world: World, packages: Path) -> None:
    assert world.cache_folder == packages
    assert len(world.country_names(1)) == len(world.country_names(2)) == 36
