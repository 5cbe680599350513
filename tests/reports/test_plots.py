"""The plot: well-formed SVG with the values in it, and axes that enclose the data."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamms.reports.plots import NARROW, Panel, Series, line_plot, nice_ticks
from adamms.reports.wording import number, percent

SVG = "{http://www.w3.org/2000/svg}"


def plot(panels: list[Panel], **settings: object) -> ElementTree.Element:
    given = {"name": "p", "title": "A <title>", "description": "In & words", "x_label": "alpha"}
    text = line_plot(panels, **{**given, "marked": 0.2, **settings})
    return ElementTree.fromstring(text)


def points(svg: ElementTree.Element) -> list[tuple[float, float]]:
    """Where the marks are, in pixels."""
    marks = [path for path in svg.iter(f"{SVG}path") if (path.get("class") or "").startswith("point")]
    found = [re.match(r"M([\d.]+) ([\d.]+)m", mark.get("d") or "") for mark in marks]
    return [(float(match.group(1)), float(match.group(2))) for match in found if match]


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter(f"{SVG}text")]


COUNTED = [(0.0, None), (0.1, 12), (0.2, 3), (0.3, 20)]
COUNTS = Panel("Differences", [Series(COUNTED, chosen=0.2)], number)
RIGHT = [(0.0, 0.5), (0.1, 0.61), (0.2, 0.6), (0.3, 0.4)]
SHARES = Panel("Acc <b>", [Series(RIGHT, 2, 0.2)], percent, percent=True)


def test_a_drawing_says_in_words_what_it_shows() -> None:
    svg = plot([COUNTS])

    assert svg.get("role") == "img"
    named = [element.get("id") for element in svg if element.tag in (f"{SVG}title", f"{SVG}desc")]
    assert (svg.get("aria-labelledby") or "").split() == named
    assert svg.findtext(f"{SVG}title") == "A <title>"
    assert svg.findtext(f"{SVG}desc") == "In & words"


def test_every_value_is_a_point_and_the_chosen_one_is_ringed() -> None:
    svg = plot([COUNTS, SHARES])

    assert len(points(svg)) == 3 + 4
    rings = list(svg.iter(f"{SVG}circle"))
    assert len(rings) == 2
    assert rings[0].get("cx") == rings[1].get("cx")
    assert (float(rings[0].get("cx") or 0), float(rings[0].get("cy") or 0)) in points(svg)
    assert {"12", "3", "20", "61.0%", "Acc <b>", "alpha", "0.1"} <= set(texts(svg))


def test_fewer_differences_lie_lower() -> None:
    heights = [-y for _, y in points(plot([COUNTS]))]

    assert heights[2] > heights[0] > heights[1]


def test_disqualified_candidates_are_crosses() -> None:
    svg = plot([Panel("Differences", [Series(COUNTED, crossed=[0.3])], number)])

    assert len(points(svg)) == 2
    assert [path.get("class") for path in svg.iter(f"{SVG}path")].count("cross") == 1


def test_overlaid_lines_differ_in_mark_and_class_and_carry_no_figures() -> None:
    lines = [Series(COUNTED, 1), Series([(0.1, 5), (0.4, 1)], 2), Series([(0.0, None)], 3)]

    svg = plot([Panel("Differences", lines, number)], marked=None)

    assert [line.get("class") for line in svg.iter(f"{SVG}polyline")] == ["line s1", "line s2"]
    assert len(points(svg)) == 3 + 2
    assert "12" not in texts(svg)
    # The axis spans the lines together.
    assert {"0", "0.1", "0.4"} <= set(texts(svg))


def test_nothing_is_drawn_outside_either_width() -> None:
    for width in (720, NARROW):
        svg = plot([COUNTS, SHARES], width=width)
        assert (svg.get("viewBox") or "").split()[2] == str(width)
        assert all(0 < x < width for x, _ in points(svg))


def test_a_drawing_has_no_inline_style_which_the_policy_forbids() -> None:
    assert not any("style" in element.attrib for element in plot([COUNTS, SHARES]).iter())


def test_many_candidates_are_labelled_sparsely() -> None:
    many = Panel("Differences", [Series([(index / 100, index) for index in range(61)])], number)

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
