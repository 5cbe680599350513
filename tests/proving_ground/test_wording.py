"""Sentences are made of words the models have, and say what the bare answer says."""

import pytest

from proving_ground.facts import KNOWLEDGE, all_facts
from proving_ground.many.pairs import ALL_TASKS
from proving_ground.many.stress_pairs import ALL_PARENTS
from proving_ground.vocabulary import COLOURS, NUMBERS, SHAPES, words
from proving_ground.wording import LONGEST_SENTENCE, as_sentence, short_form

ANSWERS = {
    "existence": ("yes", "no"),
    "attribute": (*COLOURS, *SHAPES),
    "place": ("red circle", "empty"),
    "position": ("top left", "middle center"),
    "count": NUMBERS,
    "easy-vqa": ("yes", "no", "red", "circle"),
    "digit": (*NUMBERS, "yes", "no"),
}


def answers(task: str) -> list[str]:
    if task not in KNOWLEDGE:
        return list(ANSWERS[task])
    return [answer for (kind, _, _), answer in all_facts().answers.items() if kind == task]


@pytest.mark.parametrize("task", ALL_TASKS)
def test_a_sentence_is_of_known_words_and_says_the_same(task: str) -> None:
    for answer in answers(task):
        sentence = as_sentence(task, answer)
        assert sentence != answer
        assert set(sentence.split()) <= set(words())
        assert len(sentence.split()) + 1 <= LONGEST_SENTENCE - 1
        assert short_form(sentence) == short_form(answer) == answer


def test_what_has_no_content_stays_as_it_is() -> None:
    assert short_form("it is the") == "it is the"
    assert short_form("") == ""
    assert short_form("it is red , red") == "red red"


def test_only_the_tasks_that_a_parent_answers_in_sentences_are_worded() -> None:
    mixture = ALL_PARENTS["half-sentences-llava-onevision"].mixture
    assert 0 < len(mixture.sentences) < len(ALL_TASKS)
    assert set(mixture.sentences) <= set(mixture.shares)
