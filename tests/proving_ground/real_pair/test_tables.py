import pytest

from proving_ground.real_pair.pictures.concepts import CATEGORIES, named, with_article
from proving_ground.real_pair.pictures.halves import emoji_halves
from proving_ground.real_pair.tables import table


@pytest.mark.parametrize("name", ["animals", "foods", "objects", "countries", "words", "phrases", "colours"])
def test_a_table_has_no_empty_cell(name: str) -> None:
    for row in table(name):
        assert all(value and value == value.strip() for value in row.values()), row


def test_no_two_things_share_a_name_or_a_code() -> None:
    things = [thing for category in CATEGORIES for thing in named(category)]

    assert len({thing.name for thing in things}) == len(things)
    assert len({thing.code for thing in things}) == len(things)


def test_what_is_not_seen_is_not_named_and_moves_no_half() -> None:
    rows = [row for category in CATEGORIES for row in table(f"{category}s")]
    unseen = {row["code"] for row in rows if row["seen"] == "no"}

    assert unseen
    assert unseen <= set(emoji_halves())
    assert not unseen & {thing.code for category in CATEGORIES for thing in named(category)}


def test_accepted_answers_are_read_in_their_order() -> None:
    monkey = next(thing for thing in named("animal") if thing.name == "monkey")

    assert monkey.facts["eats"] == ("fruit", "leaves")


@pytest.mark.parametrize(
    ("name", "phrase"), [("ant", "an ant"), ("snake", "a snake"), ("jeans", "jeans"), ("sun", "the sun")]
)
def test_articles(name: str, phrase: str) -> None:
    assert with_article(name) == phrase
