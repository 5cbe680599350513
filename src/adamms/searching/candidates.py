"""The candidates of a search: which alphas are tried, and how an alpha is spelled in file names.

Section 3.3 of the paper tries 0, 0.1 ... 0.6. Alphas are kept as numbers rounded to ten decimals, so that the
0.30000000000000004 of a running sum and the 0.3 of a file name are one candidate. Knows no answers and no
models.
"""

from decimal import Decimal, InvalidOperation

from adamms.errors import SearchError

MINIMUM = 3
"""Every candidate is compared with a neighbour on each side, so fewer than three cannot be compared."""

MAXIMUM = 1001
"""A step of 0.001 over the whole range; more is a typing slip, and every candidate costs a full pass."""

DECIMALS = 10


def parse_alphas(text: str) -> tuple[float, ...]:
    """The candidates from `start:stop:step` (both ends included), a comma-separated list, or a mixture.
    them.

    Returns:
        Donor weights from 0 to 1, ascending, each once, rounded to ten decimals.

    Raises:
        SearchError: not understood, out of range, or fewer than three candidates.
    """
    found: list[Decimal] = []
    for part in text.split(","):
        found += _range(part, text) if ":" in part else [_number(part, text)]
        if len(found) > MAXIMUM:
            raise SearchError(
                f"The alphas {text!r} are more than {MAXIMUM} candidates; choose a larger step."
            )
    alphas = tuple(sorted(dict.fromkeys(round_alpha(float(value)) for value in found)))
    if len(alphas) < MINIMUM:
        raise SearchError(
            f"The alphas {text!r} make {count(alphas, 'candidate')}; a search compares each candidate with a "
            f"neighbour on both sides and needs at least {MINIMUM}, such as 0:0.6:0.1."
        )
    return alphas


def round_alpha(alpha: float) -> float:
    """The alpha as candidates are compared: to ten decimals, and never -0.0."""
    return round(alpha, DECIMALS) + 0.0


def format_alpha(alpha: float) -> str:
    """Two decimals, more only where they are needed: `0.10`, `0.025`; no two candidates share a spelling."""
    short = f"{alpha:.2f}"
    if float(short) == round_alpha(alpha):
        return short
    return f"{alpha:.{DECIMALS}f}".rstrip("0")


def count(items: tuple[object, ...] | list[object], noun: str) -> str:
    """`1 candidate`, `2 candidates`."""
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _range(part: str, text: str) -> list[Decimal]:
    pieces = part.split(":")
    if len(pieces) != 3:
        raise SearchError(
            f"{part.strip()!r} in the alphas {text!r} is not start:stop:step, such as 0:0.6:0.1."
        )
    start, stop, step = (_number(piece, text) for piece in pieces)
    if step <= 0 or stop < start:
        raise SearchError(
            f"{part.strip()!r} in the alphas {text!r} goes nowhere: start:stop:step needs "
            "start <= stop and step > 0."
        )
    # Multiplied, not divided: a step of 1e-999999 must not be counted out.
    if step * MAXIMUM <= stop - start:
        raise SearchError(f"The alphas {text!r} are more than {MAXIMUM} candidates; choose a larger step.")
    return [start + step * index for index in range(int((stop - start) / step) + 1)]


def _number(piece: str, text: str) -> Decimal:
    try:
        value = Decimal(piece.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise SearchError(
            f"{piece.strip()!r} in the alphas {text!r} is not a number; write start:stop:step, such as "
            "0:0.6:0.1, or a list, such as 0,0.1,0.5."
        )
    if not 0 <= value <= 1:
        raise SearchError(
            f"The alphas {text!r} hold {piece.strip()}; alpha is the donor's weight, from 0 (the base) to 1 "
            "(the donor)."
        )
    return value
