"""The three architectures that the siblings have, all on SmolLM2-135M and DINOv2-small.

A family says how a conversation becomes tokens, what its projector reads and is, and how everything is put
together as the real class with its processor. Picture positions hold one token of SmolLM2's own vocabulary,
so no table changes its size.
"""

from proving_ground.real_pair.families.base import Family
from proving_ground.real_pair.families.internvl import InternVL
from proving_ground.real_pair.families.llava import Llava
from proving_ground.real_pair.families.mplug_owl2 import MPLUGOwl2

FAMILIES: dict[str, Family] = {family.name: family for family in (Llava(), InternVL(), MPLUGOwl2())}

__all__ = ["FAMILIES", "Family"]
