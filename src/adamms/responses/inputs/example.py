"""One question, as whoever answers it sees it: text, and files on this machine."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Example:
    """One question to ask every candidate."""

    id: str
    images: tuple[Path, ...]
    prompt: str
    answer: str | None = None
    """The true answer where the file gives one, for an accuracy beside the choice; the search ignores it."""
    audio: tuple[Path, ...] = ()
    video: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it shows and lets hear."""
        return (*self.images, *self.audio, *self.video)
