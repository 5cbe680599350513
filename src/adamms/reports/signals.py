"""Other signals beside the rule that chose, and how repeated draws voted, as `selection.json` records them.

Both are there only where a search was asked for them. Read leniently: a run made by another version still
gets its page. Judges nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

from adamms.reports.axes import Scale
from adamms.reports.wording import number
from adamms.responses.candidates import value_in

if TYPE_CHECKING:
    from markupsafe import Markup

SPARK_WIDTH, SPARK_HEIGHT = 132, 30


@dataclass(frozen=True)
class Signal:
    """What one label-free signal says of every candidate; None where it does not score one."""

    name: str
    selected: float | None
    scores: tuple[tuple[float, float | None], ...]
    cost: str
    noise: str
    note: str

    @property
    def by_alpha(self) -> dict[float, float | None]:
        """Alpha -> score."""
        return dict(self.scores)

    @property
    def drawing(self) -> "Markup":
        """The scores as a small drawing, without words: the figures stand in a table beside it."""
        from markupsafe import Markup

        return Markup(_spark(self))


@dataclass(frozen=True)
class Repeats:
    """How often each alpha was chosen on draws of fewer inputs."""

    count: int
    size: int
    wins: tuple[tuple[float, int], ...]


def read_signals(selection: Mapping[str, Any]) -> tuple[Signal, ...]:
    """The signals of a `selection.json`; those that are not understood are left out."""
    listed = selection.get("signals")
    views = []
    for entry in listed if isinstance(listed, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            views.append(
                Signal(
                    name=entry["name"],
                    selected=_number(entry.get("selected")),
                    scores=_scores(entry.get("scores")),
                    cost=_text(entry.get("cost")),
                    noise=_text(entry.get("noise")),
                    note=_text(entry.get("note")),
                )
            )
    return tuple(views)


def read_repeats(selection: Mapping[str, Any]) -> Repeats | None:
    """The repeated draws of a `selection.json`, or None."""
    entry = selection.get("repeats")
    wins = entry.get("wins") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(wins, dict):
        return None
    counted = []
    for alpha, times in wins.items():
        try:
            counted.append((float(alpha), int(times)))
        except (TypeError, ValueError):
            return None
    count, size = (_number(entry.get(key)) or 0 for key in ("count", "size"))
    return Repeats(int(count), int(size), tuple(sorted(counted)))


def _scores(listed: Any) -> tuple[tuple[float, float | None], ...]:
    pairs = []
    for entry in listed if isinstance(listed, list) else []:
        alpha = _number(value_in(entry)) if isinstance(entry, dict) else None
        if alpha is not None:
            pairs.append((alpha, _number(entry.get("score"))))
    return tuple(sorted(pairs, key=lambda pair: pair[0]))


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_text(entry)}" for key, entry in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value))
    known = _number(value)
    return str(value) if known is None else number(known)


def _spark(signal: Signal) -> str:
    known = [(alpha, score) for alpha, score in signal.scores if score is not None]
    if len(known) < 2:
        return ""
    values = [score for _, score in known]
    x = Scale(signal.scores[0][0], signal.scores[-1][0], 5, SPARK_WIDTH - 5)
    y = Scale(min(values), max(values), SPARK_HEIGHT - 5, 5)
    line = " ".join(f"{x(alpha):.1f},{y(score):.1f}" for alpha, score in known)
    dot = next(
        (
            f'<circle class="dot" cx="{x(alpha):.1f}" cy="{y(score):.1f}" r="4"/>'
            for alpha, score in known
            if alpha == signal.selected
        ),
        "",
    )
    return (
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" aria-hidden="true" focusable="false">'
        f'<polyline class="line" points="{line}"/>{dot}</svg>'
    )
