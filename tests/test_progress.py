"""How far long work is: rates that count neither loading nor what was there, and who is shown a bar."""

import sys
import types

import pytest

from adamms import progress
from adamms.progress import Bars, Pace, Silent, shown


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_a_rate_counts_neither_loading_nor_what_was_there(clock: Clock) -> None:
    pace = Pace(total=1000, unit="answers", done=400)
    clock.now = 60  # a model loads
    pace.advance(16)  # the first batch, from when on time is counted
    assert pace.speed() == ""
    clock.now = 60.1
    pace.advance(16)
    # A tenth of a second tells nothing.
    assert pace.speed() == ""
    clock.now = 64
    pace.advance(24)
    assert pace.rate == (16 + 24) / 4
    assert pace.speed() == "10 answers/s"
    assert (pace.done, pace.fresh) == (456, 56)


def test_lines_say_what_was_done_now_and_what_was_there(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Bars().stage("Searching", total=100, unit="answers", done=40) as advance:
        clock.now = 3
        advance(30)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["adamms: Searching 70%", "adamms: Searching done, 30 answers (40 were there) in 3.0 s"]


def test_a_message_is_said_once_and_not_where_nobody_wants_it(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars()
    for message in ("The vocabulary differs.", "The vocabulary differs.", "Loading."):
        bars.say(message)
    assert capsys.readouterr().err == "adamms: The vocabulary differs.\nadamms: Loading.\n"
    quiet = Bars(quiet=True)
    quiet.say("The vocabulary differs.")
    with quiet.stage("Merging", total=1, unit="bytes") as advance:
        advance(1)
    assert capsys.readouterr().err == ""


def test_a_notebooks_cell_shows_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    shower = shown(None)
    assert isinstance(shower, Bars)
    with shower.stage("Merging", total=2_000_000, unit="bytes") as advance:
        advance(2_000_000)
    written = capsys.readouterr()
    assert written.err == ""
    assert written.out.startswith("\rMerging done, 2.0 MB in ")


def test_who_is_shown_a_bar() -> None:
    # A test is neither a terminal nor a notebook.
    assert isinstance(shown(None), Silent)
    assert isinstance(shown(False), Silent)
    assert isinstance(shown(True), Bars)
    own = Silent()
    assert shown(own) is own
