"""The candidates of a search: which values are tried.

Section 3.3 of the paper tries alpha 0, 0.1 ... 0.6; any other numeric setting of a method is searched the
same way.
"""

from decimal import Decimal, InvalidOperation

from adamms.errors import SearchError
from adamms.responses.candidates import ALPHA, round_alpha

MINIMUM = 3
"""Every candidate is compared with a neighbour on each side, so fewer than three cannot be compared."""

MAXIMUM = 1001
"""A step of 0.001 over the whole range; more is a typing slip, and every candidate costs a full pass."""


def parse_alphas(text: str) -> tuple[float, ...]:
    """The candidates from `start:stop:step` (both ends included), a comma-separated list, or a mixture.

    Returns:
        Donor weights from 0 to 1, ascending, each once, rounded to ten decimals.

    Raises:
        SearchError: not understood, out of range, or fewer than three candidates.
    """
    return parse_values(text, setting=ALPHA, low=0, high=1)


def parse_values(
    text: str, *, setting: str, low: float | None = None, high: float | None = None
) -> tuple[float, ...]:
    """The candidates of any numeric setting, as `parse_alphas` reads those of alpha.

    Args:
        text: `start:stop:step`, a list, or a mixture.
        setting: its name, for the sentences.
        low: the least value it may have.
        high: the largest.

    Raises:
        SearchError: not understood, out of range, or fewer than three candidates.
    """
    what = f"The {'alphas' if setting == ALPHA else f'values of {setting}'} {text!r}"
    numbers: list[Decimal] = []
    for part in text.split(","):
        numbers += _range(part, what) if ":" in part else [_number(part, what)]
        if len(numbers) > MAXIMUM:
            raise SearchError(f"{what} are more than {MAXIMUM} candidates; choose a larger step.")
    for value in numbers:
        if (low is not None and value < low) or (high is not None and value > high):
            bounds = "from 0 (the base) to 1 (the donor)" if setting == ALPHA else _bounds(low, high)
            role = "alpha is the donor's weight" if setting == ALPHA else f"{setting} is a number"
            raise SearchError(f"{what} hold {value}; {role}, {bounds}.")
    values = tuple(sorted(dict.fromkeys(round_alpha(float(value)) for value in numbers)))
    if len(values) < MINIMUM:
        plural = "" if len(values) == 1 else "s"
        raise SearchError(
            f"{what} make {len(values)} candidate{plural}; a search compares each candidate with a "
            f"neighbour on both sides and needs at least {MINIMUM}, such as 0:0.6:0.1."
        )
    return values


def _bounds(low: float | None, high: float | None) -> str:
    below = "" if low is None else f"from {low:g}"
    return f"{below}{' upwards' if high is None else f' to {high:g}'}".strip()


def _range(part: str, what: str) -> list[Decimal]:
    pieces = part.split(":")
    if len(pieces) != 3:
        raise SearchError(f"{what} hold {part.strip()!r}, which is not start:stop:step, such as 0:0.6:0.1.")
    start, stop, step = (_number(piece, what) for piece in pieces)
    if step <= 0 or stop < start:
        raise SearchError(
            f"{what} hold {part.strip()!r}, which goes nowhere: start:stop:step needs start <= stop and "
            "step > 0."
        )
    # Multiplied, not divided: a step of 1e-999999 must not be counted out.
    if step * MAXIMUM <= stop - start:
        raise SearchError(f"{what} are more than {MAXIMUM} candidates; choose a larger step.")
    return [start + step * index for index in range(int((stop - start) / step) + 1)]


def _number(piece: str, what: str) -> Decimal:
    try:
        value = Decimal(piece.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise SearchError(
            f"{what} hold {piece.strip()!r}, which is not a number; write start:stop:step, such as "
            "0:0.6:0.1, or a list, such as 0,0.1,0.5."
        )
    return value
