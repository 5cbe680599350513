"""CogVLM, first generation (cogvlm-chat-hf): a Llama with visual experts."""

from adamms.models.cogvlm.configuration import CogVLMConfig, CogVLMVisionConfig
from adamms.models.cogvlm.modeling import CogVLMForCausalLM, CogVLMModel

__all__ = ["CogVLMConfig", "CogVLMForCausalLM", "CogVLMModel", "CogVLMVisionConfig"]
