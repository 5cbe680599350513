"""Hidden characters become visible signs; everything else stays as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adamms.reports.html import clipped, one_line, shown


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("nul\x00bell\x07", "nul⟨U+0000⟩bell⟨U+0007⟩"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("a\u202eb\u2066c", "a⟨U+202E⟩b⟨U+2066⟩c"),
        ("yes\u200b", "yes⟨U+200B⟩"),
        ("line\u2028end\x85", "line⟨U+2028⟩end⟨U+0085⟩"),
        ("\ud800\udc00", "⟨U+D800⟩⟨U+DC00⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("two\nlines\tand\r\nthree\rfour", "two\nlines\tand\nthree⟨U+000D⟩four"),
        ("مرحبا 你好 👩\u200d🚀 <b>&amp;", "مرحبا 你好 👩\u200d🚀 <b>&amp;"),
    ],
)
def test_what_cannot_be_seen_is_named(text: str, visible: str) -> None:
    assert shown(text) == visible


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_shown_can_be_written_and_is_stable(text: str) -> None:
    visible = shown(text)

    assert visible.encode("utf-8").decode("utf-8") == visible
    assert shown(visible) == visible
    assert "\x00" not in visible


def test_long_texts_are_cut_and_say_so() -> None:
    assert clipped("short", 10) == "short"
    assert clipped("w" * 1500, 10) == "w" * 10 + "… (1,500 characters)"
    assert one_line("a\n b\u2028c", 20) == "a b⟨U+2028⟩c"
    assert one_line("word " * 30, 12) == "word word wo…"
    assert len(one_line("x" * 10_000_000, 60)) == 61
