"""Where a long answer differs from another one of its row: an excerpt around the place, for the grid.

Only what two answers begin and end with alike is left out or unmarked; the dialog has the diff word by word.
"""

from typing import NamedTuple

from adamms.reports.html import one_line, shown

SENTENCE = 4
"""Words from which on an answer is worth marking in: of a shorter one all is seen anyhow."""
READ = 20_000
"""Characters of an answer that are looked at."""


class Part(NamedTuple):
    """A piece of an excerpt."""

    text: str
    differs: bool


def excerpt(text: str, other: str | None, limit: int) -> tuple[Part, ...]:
    """A text in at most `limit` characters, its difference from another one in sight and marked.

    Args:
        text: what is shown; hidden characters become visible, line breaks spaces.
        other: what it is compared with; None where there is nothing.
        limit: characters, a sign of what is left out on either side not counted.
    """
    words = shown(text[:READ]).split()
    if other is None or len(words) < SENTENCE:
        return (Part(one_line(text, limit), False),)
    against = shown(other[:READ]).split()
    alike = _shared(words, against)
    after = _shared(words[alike:][::-1], against[alike:][::-1])
    if not alike and not after:
        return (Part(one_line(text, limit), False),)
    first = 0 if len(" ".join(words)) <= limit else _start(words, alike, limit)
    stop = len(words) - after
    pieces = (words[first:alike], words[alike:stop], words[stop:])
    parts = [Part(" ".join(piece), number == 1) for number, piece in enumerate(pieces) if piece]
    return _fitted([Part("…", False), *parts] if first else parts, limit)


def _shared(words: list[str], others: list[str]) -> int:
    """How many words two lists begin with alike."""
    pairs = enumerate(zip(words, others, strict=False))
    return next((place for place, (word, other) in pairs if word != other), min(len(words), len(others)))


def _start(words: list[str], place: int, limit: int) -> int:
    """The first word to show so that up to a sixth of the room is what comes before the difference."""
    first, room = place, limit // 6
    while first and room >= len(words[first - 1]) + 1:
        room -= len(words[first - 1]) + 1
        first -= 1
    return first


def _fitted(parts: list[Part], limit: int) -> tuple[Part, ...]:
    fitted: list[Part] = []
    for part in parts:
        if len(part.text) > limit:
            return (*fitted, Part(f"{part.text[:limit].rstrip()}…", part.differs))
        fitted.append(part)
        limit -= len(part.text) + 1
    return tuple(fitted)
