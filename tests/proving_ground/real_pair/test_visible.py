from dataclasses import replace

import numpy as np
import pytest

from proving_ground.real_pair.visible import Fact, facts, ridge_accuracy, visibility
from real_pictures import (
    chart_picture,
    digit_picture,
    emoji_picture,
    flag_picture,
    pair_picture,
    shapes_picture,
    spoiled_picture,
)


def features(labels: list[str], *, seed: int) -> np.ndarray:
    """A direction for every label, and noise."""
    rng = np.random.default_rng(seed)
    directions = {label: np.tile(np.eye(3)[index], 256) for index, label in enumerate("abc")}
    noise = 0.3 * rng.standard_normal((len(labels), 768))
    return (np.stack([directions[label] for label in labels]) + noise).astype(np.float32)


def test_a_linear_reader_reads_what_is_linear_and_nothing_else() -> None:
    labels, true = list("abc" * 40), list("abc" * 20)

    assert ridge_accuracy(features(labels, seed=0), labels, features(true, seed=1), true) == 1.0
    noise = np.random.default_rng(2).standard_normal((180, 768)).astype(np.float32)
    assert ridge_accuracy(noise[:120], labels, noise[120:], true) < 0.6


def test_readers_are_fitted_on_training_and_scored_on_development_pictures() -> None:
    labels = list("abc" * 10)
    train = [replace(digit_picture(), concept=label) for label in labels]
    development = [replace(picture, split="development") for picture in train[:6]]
    # What is true of development pictures only: a reader fitted on them would be right.
    moved = [replace(picture, concept="c") for picture in development]
    shown = features([*labels, *labels[:6]], seed=3)

    fact = Fact("digit", lambda picture: picture.concept)
    right = visibility(fact, [*train, *development], {"all": shown})
    wrong = visibility(fact, [*train, *moved], {"all": shown})

    assert right is not None and wrong is not None
    assert (right.count, right.classes, right.accuracy) == (6, 3, {"all": 1.0})
    assert right.chance == pytest.approx(1 / 3)
    assert wrong.accuracy == {"all": pytest.approx(1 / 3)}


def test_what_no_picture_shows_is_not_read() -> None:
    nothing = Fact("nothing", lambda picture: None)

    assert visibility(nothing, [digit_picture()], {"all": features(["a"], seed=0)}) is None


def test_labels_are_what_pictures_show() -> None:
    labels = {fact.name: fact.label for fact in facts()}

    assert labels["animal"](emoji_picture()) == "1f40d"
    assert labels["food"](emoji_picture()) is None
    assert labels["flag"](flag_picture()) == "br"
    assert labels["chart: highest"](chart_picture()) == "green"
    assert labels["chart: lowest"](chart_picture()) == "red"
    assert labels["pair: which is larger"](pair_picture()) is True
    assert labels["shapes: colour of the first"](shapes_picture()) == ("horizontal", "red")
    assert labels["spoiled"](spoiled_picture("dark")) is True
    assert labels["spoiled"](emoji_picture()) is False
