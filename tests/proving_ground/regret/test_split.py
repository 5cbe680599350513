"""Which part a pair and seed belong to is fixed by their names."""

import pytest

from proving_ground.many.records import Header
from proving_ground.regret.split import (
    DEVELOPMENT,
    OTHER_KINDS,
    OTHER_SEEDS,
    STRESS,
    STRESS_DEVELOPMENT,
    part,
)


@pytest.mark.parametrize(
    ("pair", "seed", "expected"),
    [
        ("split", "0", DEVELOPMENT),
        ("split", "1", OTHER_SEEDS),
        ("hard split", "0", OTHER_KINDS),
        ("split", "3", STRESS_DEVELOPMENT),
        ("fool donor", "4", STRESS),
        ("sentences", "5", STRESS_DEVELOPMENT),
        ("hard split, exchanged", "6", STRESS),
    ],
)
def test_odd_stress_seeds_are_development(pair: str, seed: str, expected: str) -> None:
    assert part(Header(pair, seed, "a", "b", "held-out", [], {})) == expected
