"""Text that others wrote, made fit to be looked at: what cannot be seen is named.

Answers, prompts, file names and notes may hold control characters, direction overrides that turn a line
around, zero-width characters that make equal-looking answers differ, or halves of surrogate pairs, which
have no UTF-8 form. Each is replaced by a visible sign. Escaping for HTML is the template's matter, not this
module's.
"""

import re

HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, less tab and line feed
    "\u061c\u200b\u2028\u2029\u2060\ufeff\ufff9-\ufffb"  # zero width, separators, annotations
    "\u202a-\u202e\u2066-\u2069"  # direction overrides and isolates
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f"  # lone surrogates, non-characters, tags
    "]"
)


def shown(text: str) -> str:
    """The text with every hidden character as a sign, such as `⟨U+202E⟩` for a direction override."""
    return HIDDEN.sub(_sign, text.replace("\r\n", "\n"))


def clipped(text: str, limit: int) -> str:
    """At most `limit` characters of a text, and how long it was where it was longer."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"


def one_line(text: str, limit: int) -> str:
    """The beginning of a text without line breaks, for a cell or a label."""
    # Made visible first: to Python, some separators are white space.
    line = " ".join(shown(text[: 4 * limit]).split())
    return line if len(line) <= limit and len(text) <= 4 * limit else f"{line[:limit].rstrip()}…"


def _sign(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match.group()):04X}⟩"
