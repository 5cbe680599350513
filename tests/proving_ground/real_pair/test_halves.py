from collections import Counter

from proving_ground.real_pair.pictures.concepts import CATEGORIES, named
from proving_ground.real_pair.pictures.halves import cut, digit_halves, emoji_halves, flag_halves


def test_the_halves_of_every_kind_are_about_equal() -> None:
    for category in CATEGORIES:
        sizes = Counter(emoji_halves()[thing.code] for thing in named(category))
        assert abs(sizes[1] - sizes[2]) <= 4
    assert Counter(flag_halves().values()) == {1: 36, 2: 36}
    assert Counter(digit_halves().values()) == {1: 5, 2: 5}


def test_a_concepts_half_depends_on_nothing_but_the_set() -> None:
    words = ["tea", "cat", "dog", "sun", "sea"]

    assert cut(words, kind="word") == cut(words[::-1], kind="word")
    assert sorted(cut(words, kind="word").values()) == [1, 1, 1, 2, 2]
