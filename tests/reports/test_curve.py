"""The curve of a choice is that of the rule that chose, in the page and as a PNG."""

import io
from dataclasses import replace

from PIL import Image

from adamms.reports.curve import curve_panels, curve_png, in_words
from adamms.responses import Responses
from adamms.searching import Selection, SignalScores, select
from adamms.searching.selection import Reading

ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
SCORES = tuple((alpha, -0.1 - (alpha - 0.2) ** 2) for alpha in ALPHAS)


def by_witnesses(responses: Responses) -> Selection:
    signal = SignalScores("witnesses", "answers", SCORES, selected=0.2)
    return replace(select(responses), rule="witnesses", selected=0.2, signals=(signal,))


def test_the_paper_s_rule_is_drawn_by_its_differences(responses: Responses) -> None:
    selection = select(responses)

    (panel,) = curve_panels(selection)

    assert panel.title == "Differences to neighbours' answers (fewer: better)"
    assert panel.series[0].chosen == selection.selected
    assert panel.series[0].crossed == [0.6]
    assert panel.kind == "count"


def test_another_rule_is_drawn_by_its_own_scores(responses: Responses) -> None:
    panels = curve_panels(by_witnesses(responses), {0.0: 0.5, 0.2: 0.75})

    assert [panel.title for panel in panels] == [
        "Score by the rule witnesses (higher: better)",
        "Accuracy (not used by the search)",
    ]
    assert panels[0].series[0].known == list(SCORES)
    assert panels[1].series[0].known == [(0.0, 0.5), (0.2, 0.75)]


def test_a_choice_by_labels_has_its_accuracy_once(responses: Responses) -> None:
    scores = SignalScores("labels", "labels", ((0.0, 0.5), (0.2, 0.75)), selected=0.2)
    selection = replace(select(responses), rule="labels", selected=0.2, signals=(scores,))

    panels = curve_panels(selection, {0.0: 0.5, 0.2: 0.75})

    assert [panel.title for panel in panels] == ["Accuracy (used by the search)"]


def test_what_could_no_longer_win_is_hollow_at_its_estimate(responses: Responses) -> None:
    read = tuple((alpha, score if alpha in (0.0, 0.2, 0.6) else None) for alpha, score in SCORES)
    signal = SignalScores("witnesses", "answers", read, selected=0.2)
    selection = replace(by_witnesses(responses), signals=(signal,))

    known = replace(selection, reading=Reading(9, (0.0, 0.2, 0.6), ((0.1, -0.11), (0.5, -0.2))))
    (panel,) = curve_panels(known)
    assert dict(panel.series[0].hollow)[0.1] == -0.11
    assert "alpha 0.2: -0.1" in in_words(selection, [panel])

    # Another version's run says nothing of them: then they lie on the line.
    (panel,) = curve_panels(replace(selection, reading=Reading(9, (0.0, 0.2, 0.6))))
    assert [x for x, _ in panel.series[0].hollow] == [0.1, 0.3, 0.4, 0.5]
    assert dict(panel.series[0].hollow)[0.1] == (SCORES[0][1] + SCORES[2][1]) / 2


def test_the_png_shows_the_curve_on_white(responses: Responses) -> None:
    image = Image.open(io.BytesIO(curve_png(by_witnesses(responses), {0.0: 0.5, 0.2: 0.75}))).convert("RGB")

    assert image.size == (1440, 2 * (22 + 2 * 176 + 40 + 60))
    colours = {colour for _, colour in image.getcolors(1 << 16) or []}
    assert image.getpixel((0, 0)) == (255, 255, 255)
    # Both lines' colours and the chosen line's, within what a palette makes of them.
    for wanted in ((42, 98, 173), (165, 73, 10), (18, 97, 82)):
        assert min(sum(abs(a - b) for a, b in zip(wanted, colour, strict=True)) for colour in colours) < 30
