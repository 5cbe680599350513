"""The plot: well-formed SVG with the values in it, and axes that enclose the data."""

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamms.reports.plots import Panel, line_plot, nice_ticks
from adamms.reports.quantities import number, percent

SVG = "{http://www.w3.org/2000/svg}"


def plot(panels: list[Panel], **settings: object) -> ElementTree.Element:
    text = line_plot(
        panels, title="A <title>", description="In & words", x_label="alpha", chosen=0.2, **settings
    )
    return ElementTree.fromstring(text)


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


COUNTS = Panel("Differences", [(0.0, None), (0.1, 12), (0.2, 3), (0.3, 20)], number, "--series-1")
SHARES = Panel("Acc <b>", [(0.0, 0.5), (0.1, 0.61), (0.2, 0.6), (0.3, 0.4)], percent, "--series-2", True)


def test_a_drawing_says_in_words_what_it_shows() -> None:
    svg = plot([COUNTS])

    assert svg.get("role") == "img"
    named = [element.get("id") for element in svg if element.tag in (f"{SVG}title", f"{SVG}desc")]
    assert (svg.get("aria-labelledby") or "").split() == named
    assert svg.findtext(f"{SVG}title") == "A <title>"
    assert svg.findtext(f"{SVG}desc") == "In & words"


def test_every_value_is_a_point_and_the_chosen_one_is_marked() -> None:
    svg = plot([COUNTS, SHARES])

    circles = list(svg.iter(f"{SVG}circle"))
    assert len(circles) == 3 + 4
    chosen = [circle for circle in circles if "chosen" in (circle.get("class") or "")]
    assert len(chosen) == 2
    assert chosen[0].get("cx") == chosen[1].get("cx")
    assert {"12", "3", "20", "61.0%", "Acc <b>", "alpha", "0.1"} <= set(texts(svg))


def test_fewer_differences_lie_lower() -> None:
    circles = list(plot([COUNTS]).iter(f"{SVG}circle"))

    heights = [-float(circle.get("cy") or 0) for circle in circles]
    assert heights[2] > heights[0] > heights[1]


def test_disqualified_candidates_are_crosses() -> None:
    svg = plot([COUNTS], crossed=[0.3])

    assert len(list(svg.iter(f"{SVG}circle"))) == 2
    assert [path.get("class") for path in svg.iter(f"{SVG}path")].count("cross") == 1


def test_many_candidates_are_labelled_sparsely() -> None:
    many = Panel("Differences", [(index / 100, index) for index in range(61)], number, "--series-1")

    assert len(texts(plot([many]))) < 30


@pytest.mark.parametrize(
    ("values", "share", "ticks"),
    [
        ([0], False, [0, 1]),
        ([17, 8, 6, 54], False, [0, 20, 40, 60]),
        ([3], False, [0, 1, 2, 3]),
        ([1.0], True, [0.995, 1.0]),
        ([0.0, 1.0], True, [0.0, 0.5, 1.0]),
        ([0.57, 0.63], True, [0.56, 0.58, 0.6, 0.62, 0.64]),
        ([], False, [0, 1]),
    ],
)
def test_axes_have_round_values(values: list[float], share: bool, ticks: list[float]) -> None:
    assert nice_ticks(values, percent=share) == ticks


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_an_axis_of_shares_encloses_them_and_stays_between_0_and_1(values: list[float]) -> None:
    ticks = nice_ticks(values, percent=True)

    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= min(values) + 1e-9
    assert max(values) <= ticks[-1] + 1e-9
    assert ticks[0] >= 0
    assert ticks[-1] <= 1


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=10))
def test_an_axis_of_counts_begins_at_0_and_encloses_them(values: list[int]) -> None:
    ticks = nice_ticks(values, percent=False)

    assert 2 <= len(ticks) <= 7
    assert ticks[0] == 0
    assert max(values) <= ticks[-1]
