"""Above chance by how much, and what the best alpha is worth where it was not chosen."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from proving_ground.real_pair.margins import above_chance, held_out_gain, wilson
from proving_ground.real_pair.published import Published


@cache
def published() -> Published:
    return Published(Path("docs/data/real-pair"))


def test_wilson_is_the_textbook_s() -> None:
    # 10 of 20: (10 + z²/2) / (20 + z²) -+ z / (20 + z²) sqrt(5 + z²/4), z = 1.959964
    assert wilson(0.5, 20) == pytest.approx((0.299298, 0.700702), abs=1e-5)
    assert wilson(0.0, 10)[0] == pytest.approx(0, abs=1e-12)


def test_a_sibling_is_measured_on_the_half_it_was_taught() -> None:
    rows = above_chance(published(), "llava-1")
    said = published().alone("llava-1")
    own = [
        text.lower().startswith(line["answers"][0])
        for line, text in zip(published().questions, said, strict=True)
        if line["task"] == "existence" and line["half"] in (0, 1)
    ]
    assert rows["existence"]["questions"] == len(own)
    assert rows["existence"]["score"] == pytest.approx(100 * sum(own) / len(own))
    assert rows["existence"]["chance"] == pytest.approx(50)
    assert "relation" not in rows


def test_an_alpha_that_is_best_by_luck_gains_nothing_where_it_did_not_choose() -> None:
    count = len(published().questions)
    right = np.zeros((9, count))
    right[1] = 1
    assert set(held_out_gain(published(), right).values()) == {100.0}
    luck = np.random.default_rng(3).integers(0, 2, (9, count)).astype(float)
    flattered = max(luck[:7].mean(axis=1)) - luck[0].mean()
    assert np.mean(list(held_out_gain(published(), luck).values())) < 100 * flattered + 1
