"""Rich's console behind `streams.py`: it writes escapes of its own, so what it draws is made plain before."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from adamms.cli.streams import plain, trusted


class PlainConsole(Console):
    """Rich's console, whose tables and texts hold no control character but its own."""

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        super().__init__(file=trusted(sys.stderr if stderr else sys.stdout), **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as it is measured and drawn."""
        return super().render_str(plain(text), **options)

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        """What is to be shown, segment by segment, whatever it was made from."""
        for segment in super().render(*arguments, **options):
            text, style, control = segment
            yield segment if control else Segment(plain(text), style)
