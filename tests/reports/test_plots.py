"""The plot: well-formed SVG with the values in it, and axes that enclose the data."""

import random
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamms.reports.axes import Box, nice_ticks
from adamms.reports.plots import NARROW, Label, Panel, Series, draw
from adamms.reports.svg import line_plot
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
SHARES = Panel("Acc <b>", [Series(RIGHT, 2, 0.2)], percent, "share")


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

    lines_drawn = [line.get("class") or "" for line in svg.iter(f"{SVG}polyline")]
    assert [name for name in lines_drawn if name.startswith("line")] == ["line s1", "line s2"]
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


def test_estimates_are_hollow_and_lie_beside_the_line() -> None:
    read = Series([(0.0, 0.2), (0.1, None), (0.2, 0.4)], hollow=[(0.1, 0.9)])
    svg = plot([Panel("Scores", [read], kind="score")])

    hollow = [path for path in svg.iter(f"{SVG}path") if path.get("class") == "hollow s1"]
    assert len(hollow) == 1
    (line,) = (line for line in svg.iter(f"{SVG}polyline") if line.get("class") == "line s1")
    assert len((line.get("points") or "").split()) == 2
    # The axis holds it, too.
    assert "1" in texts(svg)


def test_scores_need_no_zero_and_may_lie_below_it() -> None:
    svg = plot([Panel("Scores", [Series([(0.0, -0.43), (0.2, -0.0809), (0.3, -0.0827)])], kind="score")])

    height = float((svg.get("viewBox") or "").split()[3])
    assert all(0 < y < height - 60 for _, y in points(svg))
    assert {"-0.081", "-0.083"} <= set(texts(svg))


@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=30, unique=True),
    st.integers(0, 29),
    st.randoms(use_true_random=False),
    st.sampled_from([720, NARROW]),
)
def test_no_label_lies_on_another(steps: list[int], chosen: int, drawn: random.Random, width: int) -> None:
    alphas = sorted(step / 1000 for step in steps)
    mark = alphas[chosen % len(alphas)]
    panels = [
        Panel("Scores", [Series([(x, drawn.uniform(-3, 1)) for x in alphas], chosen=mark)], kind="score"),
        Panel("Accuracy", [Series([(x, drawn.random()) for x in alphas], 2, mark)], percent, "share"),
    ]

    shapes = draw(panels, x_label="alpha", marked=mark, width=width).shapes

    boxes = [box_of(shape) for shape in shapes if isinstance(shape, Label)]
    assert [(a, b) for a, b in combinations(boxes, 2) if a.meets(b)] == []
    assert all(box.left >= 0 and box.right <= width for box in boxes)
    # Whatever else is left out, the chosen one is named on the axis, and its value in both panels.
    assert [shape.style for shape in shapes if isinstance(shape, Label)].count("chosen-tick") == 1
    assert [shape.style for shape in shapes if isinstance(shape, Label)].count("value chosen-tick") == 2


def box_of(label: Label) -> Box:
    """Where a label's pixels lie, its letters six pixels wide on average."""
    wide = 6 * len(label.text)
    left = label.x - {"start": 0, "middle": wide / 2, "end": wide}[label.anchor]
    return Box(left, label.y - 9, left + wide, label.y + 2)


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
    assert nice_ticks(values, "share" if share else "count") == ticks


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_an_axis_of_shares_encloses_them_and_stays_between_0_and_1(values: list[float]) -> None:
    ticks = nice_ticks(values, "share")

    assert 2 <= len(ticks) <= 7
    assert ticks[0] <= min(values) + 1e-9
    assert max(values) <= ticks[-1] + 1e-9
    assert ticks[0] >= 0
    assert ticks[-1] <= 1


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=10))
def test_an_axis_of_counts_begins_at_0_and_encloses_them(values: list[int]) -> None:
    ticks = nice_ticks(values)

    assert 2 <= len(ticks) <= 7
    assert ticks[0] == 0
    assert max(values) <= ticks[-1]
