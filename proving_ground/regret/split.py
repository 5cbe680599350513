"""Which cells rules may be chosen on, and which only report: fixed before anything was measured."""

from proving_ground.many.pairs import DEVELOPMENT_SEED
from proving_ground.many.records import Header
from proving_ground.many.stress_pairs import FIRST_STRESS_SEED, is_development

DEVELOPMENT = "Development"
OTHER_SEEDS = "Reporting: the same kinds of pair, other seeds"
OTHER_KINDS = "Reporting: other kinds of pair"
SHIPPED = "Reporting: the shipped pairs"
LATER = "Asked last: the other shipped pairs"
STRESS_DEVELOPMENT = "Development: stress pairs"
STRESS = "Reporting: stress pairs"
PARTS = (DEVELOPMENT, OTHER_SEEDS, OTHER_KINDS, SHIPPED, LATER, STRESS_DEVELOPMENT, STRESS)
CHOOSING_PARTS = (DEVELOPMENT, STRESS_DEVELOPMENT)
"""The parts that rules may be chosen on."""
CHOSEN_ON = ("split", "forgetful", "no gain")
"""Of the development seed only these pairs; the other kinds of pair report in every seed."""
ASKED_FIRST = ("cogvlm-llava", "llava-mplug_owl2", "llava-onevision-qwen2-vl", "qwen2-vl-llava-onevision")
"""The shipped pairs that were there when rules were first reported; the others were asked once `sure-enough`,
the last rule, had been fixed and reported on all the rest."""


def part(header: Header) -> str:
    """Return the part a pair and seed belong to."""
    if header.seed == "shipped":
        return SHIPPED if header.pair in ASKED_FIRST else LATER
    if int(header.seed) >= FIRST_STRESS_SEED:
        return STRESS_DEVELOPMENT if is_development(int(header.seed)) else STRESS
    if header.pair not in CHOSEN_ON:
        return OTHER_KINDS
    return DEVELOPMENT if header.seed == str(DEVELOPMENT_SEED) else OTHER_SEEDS
