"""How a candidate of a search is named: the setting that it is a value of, and its spelling in file names.

Values are kept as numbers rounded to ten decimals, so that the 0.30000000000000004 of a running sum and the
0.3 of a file name are one candidate.
"""

ALPHA = "alpha"
"""What is searched unless another setting is: the donor's weight."""

DECIMALS = 10


def round_alpha(alpha: float) -> float:
    """The alpha as candidates are compared: to ten decimals, and never -0.0."""
    return round(alpha, DECIMALS) + 0.0


def format_alpha(alpha: float) -> str:
    """Two decimals, more only where they are needed: `0.10`, `0.025`; no two candidates share a spelling."""
    short = f"{alpha:.2f}"
    if float(short) == round_alpha(alpha):
        return short
    return f"{alpha:.{DECIMALS}f}".rstrip("0")
