"""The walk alone, on made-up numbers: what it accepts, what it costs, where it ends."""

import numpy as np
import pytest

from adamms.searching.coordinates import Coordinates, Point, granularity
from adamms.searching.walk import SETTLED, SPENT, Scored, Walk, walk

INPUTS = 100
DEPTH = Coordinates.of("depth")


class Landscape:
    """Scores that fall with the distance to a summit, the same noise an input at every point."""

    def __init__(self, summit: Point, *, slope: float = 0.5, noise: float = 0.0) -> None:
        self.summit, self.slope, self.noise = summit, slope, noise
        self.asked: list[Point] = []

    def scored(self, point: Point) -> Scored:
        far = sum(abs(one - other) for one, other in zip(point, self.summit, strict=True))
        own = np.random.default_rng([round(100 * each) for each in point])
        values = 1 - self.slope * far + self.noise * own.standard_normal(INPUTS)
        return Scored(values)

    def ask(self, point: Point) -> Scored:
        self.asked.append(point)
        return self.scored(point)


def taken(land: Landscape, start: Point = (0.3, 0.3, 0.3), budget: int = 50, **options: float) -> Walk:
    return walk(
        DEPTH, start, step=0.1, budget=budget, seed=0, home=land.scored(start), ask=land.ask, **options
    )


def test_it_climbs_to_the_summit_and_stops_there() -> None:
    land = Landscape((0.3, 0.5, 0.2))
    walked = taken(land)
    assert walked.selected == (0.3, 0.5, 0.2)
    assert [step.coordinate for step in walked.accepted] == ["middle", "middle", "late"]
    assert walked.ended == SETTLED
    assert walked.score == pytest.approx(1)
    assert walked.start_score == pytest.approx(0.85)
    # A point is asked once, however often the walk passes by; the start is not asked at all.
    assert walked.passes == len(land.asked) == len(dict.fromkeys(land.asked))
    assert (0.3, 0.3, 0.3) not in land.asked
    for told in ("By depth", f"{walked.passes} passes", "middle 0.5, late 0.2", "from 0.85 to 1"):
        assert told in walked.sentence()


def test_a_gain_within_its_noise_is_no_gain() -> None:
    flat = [
        taken(Landscape((0.3, 0.3, 0.3), slope=0.0, noise=0.1), start=(each, 0.3, 0.3))
        for each in np.round(np.linspace(0.1, 0.9, 9), 1).tolist()
    ]
    assert sum(bool(walked.accepted) for walked in flat) <= 2
    assert all("no step that gains beyond its noise" in each.sentence() for each in flat if not each.accepted)
    # Without the bar any gain is followed, which is what the bar is for.
    easy = taken(Landscape((0.3, 0.3, 0.3), slope=0.0, noise=0.1), level=1)
    assert easy.accepted
    assert all(step.gain is not None and step.gain > 0 for step in easy.accepted)


def test_the_bar_rises_with_the_steps_that_are_compared() -> None:
    # One lucky point among six: its chance alone would pass, and does not among six.
    rng = np.random.default_rng(1)
    home, lucky = np.zeros(INPUTS), rng.standard_normal(INPUTS)
    lucky += 0.215 - lucky.mean()

    def ask(point: Point) -> Scored:
        return Scored(lucky if point == (0.4, 0.3, 0.3) else home - 1)

    among_six = walk(DEPTH, (0.3, 0.3, 0.3), step=0.1, budget=6, seed=0, home=Scored(home), ask=ask)
    alone = walk(DEPTH, (0.3, 0.3, 0.3), step=0.1, budget=1, seed=0, home=Scored(home), ask=ask)
    (first, *_), (only,) = among_six.steps, alone.steps
    assert first.chance == only.chance
    assert first.chance is not None
    assert 0.05 / 6 < first.chance < 0.05
    assert not among_six.accepted
    assert alone.accepted == (only,)


@pytest.mark.parametrize("budget", [1, 4, 7])
def test_it_never_asks_more_than_its_passes(budget: int) -> None:
    land = Landscape((0.9, 0.9, 0.9))
    walked = taken(land, budget=budget)
    assert walked.passes == len(land.asked) == budget
    assert walked.ended == SPENT
    assert walked.accepted


def test_a_collapsed_point_is_not_stepped_on_and_unscored_ones_neither() -> None:
    land = Landscape((0.9, 0.3, 0.3))

    def ask(point: Point) -> Scored:
        scored = land.scored(point)
        if point[0] == 0.4:
            return Scored(scored.values, "of 100 answers 90 are empty")
        return Scored(np.full(INPUTS, np.nan)) if point[0] == 0.2 else scored

    home = land.scored((0.3, 0.3, 0.3))
    walked = walk(DEPTH, (0.3, 0.3, 0.3), step=0.1, budget=20, seed=0, home=home, ask=ask)
    assert not walked.accepted
    by_point = {step.point: step for step in walked.steps}
    assert by_point[0.4, 0.3, 0.3].disqualified == "of 100 answers 90 are empty"
    assert by_point[0.2, 0.3, 0.3].gain is None


def test_it_stays_between_the_base_and_the_donor() -> None:
    walked = taken(Landscape((1.5, -1, 0.3)), start=(0.9, 0.1, 0.3))
    assert walked.selected == (1.0, 0.0, 0.3)


def test_donors_leave_the_base_its_share_where_they_take_it_from_the_base() -> None:
    shared = Coordinates.of("donor", donors=2, donors_share=True)
    assert [point for _, point in shared.neighbours((0.5, 0.5), step=0.1)] == [(0.4, 0.5), (0.5, 0.4)]
    alone = Coordinates.of("donor", donors=2)
    assert len(alone.neighbours((0.5, 0.5), step=0.1)) == 4
    assert alone.names == ("donor 1", "donor 2")


def test_a_walk_is_read_back_as_it_was() -> None:
    walked = taken(Landscape((0.3, 0.5, 0.2), noise=0.01))
    assert Walk.from_json(walked.to_json()) == walked
    assert walked.to_json()["alpha"] == list(walked.selected)


def test_points_as_a_merge_takes_them() -> None:
    parts = Coordinates.of("part")
    assert parts.coefficient((0.1, 0.2, 0.3)) == {"attention": 0.1, "mlp": 0.2, "default": 0.3}
    assert parts.option((0.1, 0.2, 0.3)) == "--alpha 'attention=0.1;mlp=0.2;default=0.3'"
    assert DEPTH.option((0.1, 0.2, 0.3)) == "--alpha 0.1,0.2,0.3"
    assert Coordinates.of("donor", donors=2).option((0.1, 0.2)) == "--alpha 0.1 --donor MODEL=0.2"
    assert granularity([0.0, 0.3, 0.4, 0.6]) == 0.1
