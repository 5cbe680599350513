"""What a training stage says while it runs: its mean loss since the last line, and the time."""

import time
from collections.abc import Callable

Report = Callable[[str], None]


class Progress:
    """Reports every hundred steps of a stage, four times at least."""

    def __init__(self, title: str, *, steps: int, report: Report) -> None:
        self._title, self._steps, self._report = title, steps, report
        self._every = max(1, min(100, steps // 4))
        self._started, self._step, self._losses = time.monotonic(), 0, list[float]()

    def add(self, loss: float) -> None:
        """Note the loss of one step."""
        self._step += 1
        self._losses.append(loss)
        if self._step % self._every == 0 or self._step == self._steps:
            mean = sum(self._losses) / len(self._losses)
            seconds = time.monotonic() - self._started
            self._report(f"{self._title} step {self._step}/{self._steps} loss {mean:.3f} ({seconds:.0f} s)")
            self._losses.clear()
