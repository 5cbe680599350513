"""The families of the zoo, by name, in the order their models are shipped in."""

from adamms.zoo.families.base import TABLES, Family, save_tokenizer
from adamms.zoo.families.cogvlm import CogVLM
from adamms.zoo.families.llava import Llava
from adamms.zoo.families.llava_onevision import LlavaOnevision
from adamms.zoo.families.mplug_owl2 import MPLUGOwl2
from adamms.zoo.families.qwen2_vl import Qwen2VL

__all__ = ["FAMILIES", "TABLES", "Family", "save_tokenizer"]

FAMILIES: dict[str, Family] = {
    family.name: family for family in (Qwen2VL(), LlavaOnevision(), Llava(), CogVLM(), MPLUGOwl2())
}
