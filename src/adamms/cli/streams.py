"""What reaches a terminal: text. Control characters are shown, not obeyed, whoever's name holds them.

A tensor, a file or an error of somebody else may hold escapes that colour, move or rewrite what a terminal
shows, or mark text that reads backwards. `PlainStream` stands before stdout and stderr, so everything that is
printed passes it; only what draws tables and bars writes past it (`trusted`), its texts made plain before.
"""

import re
import sys
from collections.abc import Iterable
from typing import Any

# C0 without tab and line end, DEL, C1, line separators, and what turns the direction of writing.
CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
BAR = re.compile(r"\r[^\r]*|(\n|\x1b\[A)*")
"""What the hub library's progress bars write at a time: a line from its beginning, or steps up and down."""
LONGEST = 3000
"""Characters of a message, about; of a longer one the middle is left out."""


def plain(text: str) -> str:
    """A text with its control characters spelled out as Python spells them."""
    return CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)


def brief(message: str) -> str:
    """A message that fits a screen: somebody's name, or his list of names, may be of any length."""
    if len(message) <= LONGEST:
        return message
    head, tail = LONGEST * 2 // 3, LONGEST // 4
    return f"{message[:head]} [... {len(message) - head - tail} characters ...] {message[-tail:]}"


class PlainStream:
    """A text stream that shows control characters; all else is the stream's behind it."""

    def __init__(self, stream: Any) -> None:
        self.trusted = stream

    def write(self, text: str) -> int:
        """Write a text, made plain; a progress bar's own steps stay what they are."""
        if not isinstance(text, str):
            raise TypeError(f"only text can be written here, not {type(text).__name__}")
        if BAR.fullmatch(text):
            text = text[:1] + plain(text[1:]) if text.startswith("\r") else text
        else:
            text = plain(text)
        self.trusted.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.trusted, name)


def trusted(stream: Any) -> Any:
    """The stream behind a plain one, for who makes texts plain himself."""
    return stream.trusted if isinstance(stream, PlainStream) else stream


def written_past(text: str) -> str:
    """What is left to print of a text of our own: nothing where its colours had to pass a plain stream."""
    if "\x1b" not in text or not isinstance(sys.stdout, PlainStream):
        return text
    sys.stdout.trusted.write(text)
    return ""
