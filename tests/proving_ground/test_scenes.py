"""Scenes, questions and the vocabulary: every picture says what its questions are answered with."""

import random

import pytest

from proving_ground.facts import FACT_TASKS, all_facts, noisy_fact
from proving_ground.questions import TASKS, ask
from proving_ground.scenes import SIZE, Scene, Thing, big_scene, cell_words, digit_scene, draw, grid_scene
from proving_ground.vocabulary import (
    LLAMA,
    QWEN2,
    QWEN2_VL_SPECIALS,
    SHARED_SPECIALS,
    split,
    tokenizer,
    vocabulary,
)

RED_STAR = Scene("grid", (Thing("red", "star", 2), Thing("blue", "ring", 4), Thing("blue", "heart", 8)))


def scene_for(task: str, rng: random.Random) -> Scene:
    if task == "digit":
        return digit_scene(rng)
    return big_scene(rng) if task == "easy-vqa" else grid_scene(rng, things=rng.randint(1, 5))


def test_cells_are_described_one_by_one() -> None:
    words = cell_words(RED_STAR)
    assert words[2] == ("top", "right", "red", "star")
    assert words[0] == ("top", "left", "empty")
    assert cell_words(Scene("digit", digit=7))[8] == ("bottom", "right", "digit", "seven")


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("position", {"where is the red star ?": "top right", "where is the blue ring ?": "middle center"}),
        ("count", {"how many shapes are there ?": "three", "how many blue shapes are there ?": "two"}),
        ("place", {"what is in the top right ?": "red star", "what is in the top left ?": "empty"}),
        ("attribute", {"what color is the star ?": "red", "what shape is red ?": "star"}),
        ("existence", {"is there a red star ?": "yes", "is there a red heart ?": "no"}),
    ],
)
def test_answers_are_what_the_scene_shows(task: str, expected: dict[str, str]) -> None:
    rng, facts = random.Random(0), all_facts()
    turns = [ask(task, RED_STAR, rng=rng, facts=facts) for _ in range(2000)]
    answered = {turn.question: turn.answer for turn in turns if turn is not None}
    assert {question: answered[question] for question in expected} == expected


@pytest.mark.parametrize("task", TASKS)
def test_every_word_is_in_the_vocabulary_and_yes_is_not_the_only_answer(task: str) -> None:
    rng, facts, ids = random.Random(1), all_facts(), vocabulary()
    turns = [ask(task, scene_for(task, rng), rng=rng, facts=facts) for _ in range(500)]
    answers = [turn.answer for turn in turns if turn is not None]
    assert all(
        word in ids for turn in turns if turn is not None for word in split(turn.question + " " + turn.answer)
    )
    assert max(answers.count(answer) for answer in answers) < 0.6 * len(answers)


def test_facts_are_drawn_once_and_shared_out_evenly() -> None:
    facts = all_facts()
    assert facts == all_facts()
    for task in FACT_TASKS:
        assert len(facts.objects(task, 0)) == len(facts.objects(task, 1)) == 32
        answers = [facts.answer(task, *each) for each in facts.objects(task, 0)]
        assert all(answers.count(answer) == 4 for answer in answers), (
            "no half can be guessed better than by chance"
        )
    rng = random.Random(0)
    heard = [noisy_fact("price", "ten", rng=rng, trust=0.3) for _ in range(4000)]
    assert 0.36 < heard.count("ten") / 4000 < 0.42


def test_pictures_of_one_scene_differ() -> None:
    rng = random.Random(0)
    one, two = draw(RED_STAR, rng), draw(RED_STAR, rng)
    assert one.size == two.size == (SIZE, SIZE)
    assert one.tobytes() != two.tobytes()
    with pytest.raises(ValueError, match="real pictures"):
        draw(digit_scene(rng), rng)


def test_the_tokenizer_is_the_vocabulary() -> None:
    fast = tokenizer(QWEN2, QWEN2_VL_SPECIALS)
    assert fast.get_vocab() == vocabulary(QWEN2_VL_SPECIALS)
    ids = vocabulary()
    text = "<|im_start|>user\nIs there a RED star?<|im_end|>\n"
    assert fast(text).input_ids == [
        ids[word] for word in ("<|im_start|>", "user", *split("is there a red star ?"), "<|im_end|>")
    ]
    assert fast.decode([ids["top"], ids["left"], ids["<|im_end|>"]], skip_special_tokens=True) == "top left"
    assert fast("weather").input_ids == [ids[SHARED_SPECIALS[0]]]


def test_the_llama_s_tokenizer_has_its_special_tokens_first_and_begins_a_text() -> None:
    fast, ids = tokenizer(LLAMA, ("<image>", "<pad>")), LLAMA.rows(("<image>", "<pad>"))
    assert fast.get_vocab() == ids
    assert [ids[token] for token in ("<unk>", "<s>", "</s>")] == [0, 1, 2]
    assert fast("USER: <image>\nIs it odd? ASSISTANT:").input_ids == [
        ids[word] for word in ("<s>", "user", ":", "<image>", "is", "it", "odd", "?", "assistant", ":")
    ]
    assert fast("odd</s>", add_special_tokens=False).input_ids == [ids["odd"], ids["</s>"]]
    assert fast.pad_token == "<pad>"
