"""mPLUG-Owl2, the LLaMA-2 variant (mplug-owl2-llama2-7b): a Llama with modality-adaptive modules."""

from adamms.models.mplug_owl2.configuration import MPLUGOwl2Config
from adamms.models.mplug_owl2.modeling import MPLUGOwl2LlamaForCausalLM, MPLUGOwl2Model

__all__ = ["MPLUGOwl2Config", "MPLUGOwl2LlamaForCausalLM", "MPLUGOwl2Model"]
