"""The configuration of CogVLM (first generation), with the field names of the official `config.json`.

The language model is a Llama with a duplicate of most weights for image positions, so its settings are
Llama's; the defaults are those of cogvlm-chat-hf.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any, ClassVar

from transformers import LlamaConfig, PreTrainedConfig


class CogVLMVisionConfig(PreTrainedConfig):
    """The EVA2-CLIP-E tower."""

    model_type = "cogvlm_vision"
    base_config_key = "vision_config"
    attribute_map: ClassVar[dict[str, str]] = {
        "num_attention_heads": "num_heads",
        "num_channels": "in_channels",
    }

    hidden_size: int = 1792
    intermediate_size: int = 15360
    num_hidden_layers: int = 63
    num_heads: int = 16
    in_channels: int = 3
    image_size: int = 490
    patch_size: int = 14
    num_positions: int = 1226
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-6
    dropout_prob: float = 0.0


class CogVLMConfig(LlamaConfig):
    """The whole model; `template_version` names the prompt it was tuned with (base, chat or vqa)."""

    model_type = "cogvlm"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {"vision_config": CogVLMVisionConfig}
    # Llama's plans name projections that this architecture does not have.
    base_model_tp_plan: ClassVar[dict[str, Any] | None] = None
    base_model_pp_plan: ClassVar[dict[str, Any] | None] = None

    vision_config: Any = None
    template_version: str = "chat"
    pad_token_id: int | None = 0
    rms_norm_eps: float = 1e-6

    @property
    def image_length(self) -> int:
        """The positions of one image: its patches between a learned begin and a learned end."""
        side = self.vision_config.image_size // self.vision_config.patch_size
        return int(side * side + 2)
