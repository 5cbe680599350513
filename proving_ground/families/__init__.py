"""The families of the zoo, by name, in the order their models are shipped in."""

from proving_ground.families.base import TABLES, Family, save_tokenizer
from proving_ground.families.cogvlm import CogVLM
from proving_ground.families.llava import Llava
from proving_ground.families.llava_onevision import LlavaOnevision
from proving_ground.families.mplug_owl2 import MPLUGOwl2
from proving_ground.families.qwen2_vl import Qwen2VL

__all__ = ["FAMILIES", "TABLES", "Family", "save_tokenizer"]

FAMILIES: dict[str, Family] = {
    family.name: family for family in (Qwen2VL(), LlavaOnevision(), Llava(), CogVLM(), MPLUGOwl2())
}
