"""Every metric on answers that a person can judge, after the benchmarks' own definitions."""

import pytest

from adamms.errors import EvaluationError
from adamms.evaluation.labels import Label
from adamms.evaluation.metrics import METRICS, chosen_letter, metric_named, normalised


def score(metric: str, response: str, *answers: str, choices: tuple[str, ...] = ()) -> float:
    return METRICS[metric](response, Label(answers, choices=choices))


@pytest.mark.parametrize(
    ("answer", "same"),
    [
        ("The Two dogs.", "2 dogs"),
        ("a  dog\nand\ta cat", "dog and cat"),
        ("ten", "10"),
        ("none", "0"),
        ("3.5", "3.5"),
        ("1,000", "1000"),
        ("dont", "don't"),
        ("couldnt've", "couldn't've"),
        ("black-and-white", "black and white"),
        ("black - white", "black white"),
        ("Is it?", "is it"),
        ("dog's", "dog 's"),
        ("U.S.A.", "usa"),
        ("", ""),
    ],
)
def test_answers_as_vqa_compares_them(answer: str, same: str) -> None:
    assert normalised(answer) == same


def test_exact_takes_any_of_the_answers() -> None:
    assert score("exact", " The cat. ", "dog", "cat") == 1
    assert score("exact", "two cats", "2 cats") == 1
    assert score("exact", "catfish", "cat") == 0


def test_contains_is_ocrbench() -> None:
    assert score("contains", "It says: HELLO\nWorld!", "hello world") == 1
    assert score("contains", "helo", "hello") == 0
    assert score("contains", "anything", "") == 0


@pytest.mark.parametrize(("agreeing", "expected"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)])
def test_vqa_soft_accuracy_of_ten_annotators(agreeing: int, expected: float) -> None:
    answers = ["Red."] * agreeing + [f"other {number}" for number in range(10 - agreeing)]

    assert score("vqa", "red", *answers) == pytest.approx(expected)


def test_vqa_with_few_annotators() -> None:
    assert score("vqa", "red", "Red") == 1
    assert score("vqa", "red", *["red"] * 4) == 1
    with pytest.raises(EvaluationError, match=r"at least 4 .* not 2; choose --metric exact"):
        score("vqa", "red", "red", "red")


def test_anls_is_one_less_the_relative_distance() -> None:
    assert score("anls", "Hello", "hello") == 1
    assert score("anls", "helo", "hello", "world") == pytest.approx(0.8)
    assert score("anls", "kitten", "sitting") == pytest.approx(1 - 3 / 7)
    # Below one half it is no answer at all.
    assert score("anls", "abxx", "abcd") == pytest.approx(0.5)
    assert score("anls", "axxx", "abcd") == 0
    assert score("anls", "", "") == 1


@pytest.mark.parametrize(
    ("response", "said"),
    [("Yes", "yes"), ("yes, it is", "yes"), ("No.", "no"), ("n", "no"), ("Y", "yes"), ("  NO WAY", "no")],
)
def test_yes_and_no_are_read_from_the_beginning(response: str, said: str) -> None:
    assert score("yes-no", response, said) == 1
    assert score("yes-no", response, {"yes": "no", "no": "yes"}[said]) == 0


def test_an_answer_that_is_neither_yes_nor_no() -> None:
    assert score("yes-no", "It is not there", "no") == 0
    assert score("yes-no", "It is not there", "yes") == 0
    with pytest.raises(EvaluationError, match="'maybe' is neither"):
        score("yes-no", "yes", "maybe")


@pytest.mark.parametrize(
    ("response", "letter"),
    [
        ("B", "B"),
        (" b. ", "B"),
        ("B. a cat", "B"),
        ("C) a dog, not (A)", "C"),
        ("(A) is wrong, so (D)", "D"),
        ("The answer is B.", "B"),
        ("I think it is C, not that A dog", "C"),
        ("A dog", None),
        ("E", None),
        ("", None),
        ("BAD", None),
        ("none of them", None),
    ],
)
def test_the_letter_that_is_chosen(response: str, letter: str | None) -> None:
    assert chosen_letter(response, "ABCD") == letter


def test_the_option_that_is_spelled_out() -> None:
    choices = ("a cat", "a black cat", "2 dogs", "bird")

    assert chosen_letter("Two dogs.", "ABCD", choices=choices) == "C"
    assert chosen_letter("It is the bird", "ABCD", choices=choices) == "D"
    # Both of the first two stand in it: nobody guesses.
    assert chosen_letter("it is a black cat there", "ABCD", choices=choices) is None
    assert chosen_letter("a black cat", "ABCD", choices=choices) == "B"


def test_choice_takes_letters_and_texts_for_the_truth() -> None:
    assert score("choice", "(B)", "b") == 1
    assert score("choice", "bird", "B", choices=("cat", "bird")) == 1
    assert score("choice", "A. cat", "bird", choices=("cat", "bird")) == 0
    assert score("choice", "B", "Bird", choices=("cat", "bird")) == 1
    with pytest.raises(EvaluationError, match="'fish' is neither a letter nor"):
        score("choice", "B", "fish", choices=("cat", "bird"))


def test_metrics_are_known_by_name() -> None:
    with pytest.raises(EvaluationError, match="no metric 'bleu'; there is: exact, contains, vqa"):
        metric_named("bleu")
