"""Which cells rules may be chosen on, and which only report: fixed before anything was measured."""

from adamms.zoo.many.pairs import DEVELOPMENT_SEED
from adamms.zoo.many.records import Header

DEVELOPMENT = "Development"
OTHER_SEEDS = "Reporting: the same kinds of pair, other seeds"
OTHER_KINDS = "Reporting: other kinds of pair"
SHIPPED = "Reporting: the shipped pairs"
PARTS = (DEVELOPMENT, OTHER_SEEDS, OTHER_KINDS, SHIPPED)
CHOSEN_ON = ("split", "forgetful", "no gain")
"""Of the development seed only these pairs; the other kinds of pair report in every seed."""


def part(header: Header) -> str:
    """Return the part a pair and seed belong to."""
    if header.seed == "shipped":
        return SHIPPED
    if header.pair not in CHOSEN_ON:
        return OTHER_KINDS
    return DEVELOPMENT if header.seed == str(DEVELOPMENT_SEED) else OTHER_SEEDS
