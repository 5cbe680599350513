"""The configuration of mPLUG-Owl2 (the LLaMA-2 variant), with the field names of the official `config.json`.

The language model's settings are Llama's; the vision tower and the abstractor lie two levels down, under
`visual_config`. The defaults are those of mplug-owl2-llama2-7b.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from typing import Any, ClassVar

from transformers import LlamaConfig, PreTrainedConfig


class MPLUGOwl2VisionConfig(PreTrainedConfig):
    """The vision tower."""

    model_type = "mplug_owl2_vision_model"
    base_config_key = "visual_model"

    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    num_channels: int = 3
    image_size: int = 448
    patch_size: int = 14
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-6
    attention_dropout: float = 0.0
    initializer_range: float = 0.02


class MPLUGOwl2AbstractorConfig(PreTrainedConfig):
    """The visual abstractor: learned queries that read an image."""

    model_type = "mplug_owl2_visual_abstract"
    base_config_key = "visual_abstractor"

    hidden_size: int = 1024
    encoder_hidden_size: int = 1024
    intermediate_size: int = 2816
    num_hidden_layers: int = 6
    num_attention_heads: int = 16
    num_learnable_queries: int = 64
    grid_size: int | None = None
    layer_norm_eps: float = 1e-6
    attention_probs_dropout_prob: float = 0.0
    initializer_range: float = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        """The official default of the grid: 448 pixels in patches of 14."""
        if self.grid_size is None:
            self.grid_size = 32
        super().__post_init__(**kwargs)


class MPLUGOwl2VisualConfig(PreTrainedConfig):
    """Everything between the pixels and the language model."""

    model_type = "mplug_owl2_visual"
    base_config_key = "visual_config"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {
        "visual_model": MPLUGOwl2VisionConfig,
        "visual_abstractor": MPLUGOwl2AbstractorConfig,
    }

    visual_model: Any = None
    visual_abstractor: Any = None


class MPLUGOwl2Config(LlamaConfig):
    """The whole model; `image_token_index` stands in the input ids where an image goes."""

    model_type = "mplug_owl2"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {"visual_config": MPLUGOwl2VisualConfig}
    # Llama's plans name projections that this architecture does not have.
    base_model_tp_plan: ClassVar[dict[str, Any] | None] = None
    base_model_pp_plan: ClassVar[dict[str, Any] | None] = None

    visual_config: Any = None
    image_token_index: int = -200
    pad_token_id: int | None = 0

    @property
    def image_length(self) -> int:
        """The vectors of one image: one a learned query, and a learned end."""
        return int(self.visual_config.visual_abstractor.num_learnable_queries + 1)
