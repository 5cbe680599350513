"""Who uses the page: what belongs to one visitor, so that two do not mix, and goes when the page is left."""

import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path

from adamms.responses import Response
from adamms.ui.searches import BesideSearch

Question = tuple[str, ...]


@dataclass
class Visitor:
    """One open page."""

    folder: Path
    """For what is written for this visitor alone."""
    question: Question = ()
    """The pair, picture, prompt and length that the answers belong to."""
    answers: dict[float, Response] = field(default_factory=dict)
    """Alpha -> answer to the question."""
    search: BesideSearch | None = None
    runs: int = 0
    """Searches begun, so that each has a folder of its own."""

    def remember(self, question: Question, response: Response) -> dict[float, Response]:
        """The answers to this question with one more; those to another question are forgotten."""
        if question != self.question:
            self.question, self.answers = question, {}
        self.answers[response.alpha] = response
        return dict(self.answers)

    def leave(self) -> None:
        """Stop what runs and delete what was written."""
        if self.search is not None:
            self.search.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Visitors:
    """All open pages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Visitor] = {}

    def of(self, page: str | None) -> Visitor:
        """The visitor whose page this is; a new one where it was not seen before."""
        with self._lock:
            if (page or "") not in self._known:
                self._known[page or ""] = Visitor(Path(tempfile.mkdtemp(prefix="adamms-ui-")))
            return self._known[page or ""]

    def left(self, page: str | None) -> None:
        """A page was closed."""
        with self._lock:
            visitor = self._known.pop(page or "", None)
        if visitor is not None:
            visitor.leave()

    def all_left(self) -> None:
        """The server ends."""
        with self._lock:
            pages = list(self._known)
        for page in pages:
            self.left(page)
