"""Nearswap: take the donor's value where it is near the base's, and less of it the farther it is.

    theta_out = base + w (donor - base),   w = min(1, t / |base - donor|)

mergekit's `nearswap` (after a method of alchemonaut); no publication. Element by element; a difference larger
than t moves the base by t.
"""

from collections.abc import Sequence

from adamms.merging.arrays import at_most, quotient
from adamms.merging.method import Array, MergeMethod
from adamms.merging.parameters import Parameter


def nearswap(models: Sequence[Array], *, t: float) -> Array:
    """The donor where it lies within `t` of the base, otherwise the base moved towards it by `t`."""
    base, donor = models
    # Equal values are 0 apart; with t = 0 that is 0 / 0, and the donor's whole value is the base's.
    share = at_most(quotient(t, abs(base - donor)), 1.0)
    return donor * share + base * (1 - share)


NEARSWAP = MergeMethod(
    nearswap,
    summary="the donor's value where it is within t of the base's, otherwise a step of t towards it",
    source="mergekit's nearswap",
    parameters=(Parameter("t", 0.001, "the distance within which values are swapped", 0, coefficient=True),),
    donors="one",
)
