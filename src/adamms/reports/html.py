"""From templates to one self-contained HTML file.

Styles and scripts lie beside the templates as files of their own and are put into the page, where the content
policy names their hashes: nothing else may run, and nothing may be loaded. Every value that a template prints
goes through `shown` and is then escaped; data for the script is JSON in which no `<` is left.

Answers, prompts, file names and notes are others' text. They may hold control characters, direction overrides
that turn a line around, zero-width characters that make equal-looking answers differ, or halves of surrogate
pairs, which have no UTF-8 form: `shown` replaces each by a visible sign.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adamms import __version__
from adamms.errors import MACHINE_FAULTS, MachineError, OutputError
from adamms.reports.wording import number, parameters, percent

TEMPLATES = Path(__file__).parent / "templates"
STYLES = ("page.css", "grid.css", "print.css")
SCRIPTS = ("words.js", "dialog.js", "grid.js", "filter.js", "copy.js")
HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, less tab and line feed
    "\u061c\u200b\u2028\u2029\u2060\ufeff\ufff9-\ufffb"  # zero width, separators, annotations
    "\u202a-\u202e\u2066-\u2069"  # direction overrides and isolates
    "\ud800-\udfff\ufffe\uffff\U000e0000-\U000e007f"  # lone surrogates, non-characters, tags
    "]"
)
"""What cannot be seen, or turns a line around, in text that others wrote: each sign is named instead."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """A page as text.

    Args:
        template: a file of the templates' folder.
        values: what it prints; strings are untrusted unless they are `Markup`.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "percent": percent,
        "parameters": parameters,
        "one_line": one_line,
        "json": lambda data: Markup(_json(data)),
    }
    style, script = (_joined(names) for names in (STYLES, SCRIPTS))
    return environment.get_template(template).render(
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        version=__version__,
        **values,
    )


def write_page(page: str, target: Path) -> Path:
    """Write a page beside its name and rename it, so that an old one is replaced whole or not at all.

    Raises:
        OutputError: it cannot be written there.
        MachineError: the disk is full, or broken.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        # Nothing is left that UTF-8 cannot hold; should that ever be wrong, a sign is better than no page.
        partial.write_bytes(page.encode("utf-8", "replace"))
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        kind = MachineError if error.errno in MACHINE_FAULTS else OutputError
        raise kind(f"{target} cannot be written: {error.strerror}.") from None
    return target


def _visible(value: Any) -> Any:
    from markupsafe import Markup

    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _json(data: Any) -> str:
    """JSON that can stand in a script element: it cannot end the element or open a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _joined(names: Sequence[str]) -> str:
    return "\n".join((TEMPLATES / name).read_text(encoding="utf-8").strip() for name in names)


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
