"""Signals and repeated draws, as selection.json may record them, or not."""

import pytest

from adamms.reports.signals import read_repeats, read_signals


def test_signals_are_read_with_their_scores() -> None:
    scores = [{"alpha": 0.1, "score": 0.7}, {"alpha": 0.0, "score": None}, {"alpha": 0.2, "score": 0.9}]
    entry = {"name": "vote", "selected": 0.2, "scores": scores, "cost": 1, "noise": 0.0125, "note": "a note"}

    (signal,) = read_signals({"signals": [entry]})

    assert signal.by_alpha == {0.0: None, 0.1: 0.7, 0.2: 0.9}
    assert (signal.selected, signal.cost, signal.noise, signal.note) == (0.2, "1", "0.013", "a note")
    assert signal.drawing.count("<circle") == 1


@pytest.mark.parametrize(
    "signals", [None, 3, "x", {}, [3], [{}], [{"name": 3}], [{"selected": 0.1, "scores": []}]]
)
def test_what_is_no_signal_is_left_out(signals: object) -> None:
    assert read_signals({"signals": signals}) == ()


def test_an_odd_signal_is_still_named() -> None:
    entry = {
        "name": "odd",
        "selected": "x",
        "scores": [3, {"alpha": "a"}, {"alpha": 0.1, "score": float("nan")}],
    }

    (signal,) = read_signals({"signals": [entry]})

    assert signal.selected is None
    assert signal.scores == ((0.1, None),)
    assert signal.drawing == ""


def test_repeats_are_read() -> None:
    repeats = read_repeats({"repeats": {"count": 10, "size": 50, "wins": {"0.3": 7, "0.2": 3}}})

    assert repeats is not None
    assert (repeats.count, repeats.size, repeats.wins) == (10, 50, ((0.2, 3), (0.3, 7)))


@pytest.mark.parametrize("repeats", [None, [], {}, {"wins": []}, {"wins": {"a": 1}}, {"wins": {"0.1": "x"}}])
def test_what_are_no_repeats_are_none(repeats: object) -> None:
    assert read_repeats({"repeats": repeats}) is None
