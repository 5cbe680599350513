"""Native transformers classes for CogVLM and mPLUG-Owl2, the two architectures that transformers lacks.

Importing this package registers them with `AutoConfig`, `AutoModel`, `AutoModelForCausalLM`,
`AutoModelForImageTextToText`, `AutoProcessor`, `AutoImageProcessor` and `AutoTokenizer`. It imports torch and
transformers, so only what runs a model imports it.
"""

from adamms.models.cogvlm import CogVLMConfig, CogVLMForCausalLM, CogVLMModel
from adamms.models.cogvlm.processing import CogVLMImageProcessor, CogVLMProcessor
from adamms.models.mplug_owl2 import MPLUGOwl2Config, MPLUGOwl2LlamaForCausalLM, MPLUGOwl2Model
from adamms.models.mplug_owl2.processing import MPLUGOwl2ImageProcessor, MPLUGOwl2Processor
from adamms.models.registration import native_config, native_processor, register

register()

__all__ = [
    "CogVLMConfig",
    "CogVLMForCausalLM",
    "CogVLMImageProcessor",
    "CogVLMModel",
    "CogVLMProcessor",
    "MPLUGOwl2Config",
    "MPLUGOwl2ImageProcessor",
    "MPLUGOwl2LlamaForCausalLM",
    "MPLUGOwl2Model",
    "MPLUGOwl2Processor",
    "native_config",
    "native_processor",
    "register",
]
