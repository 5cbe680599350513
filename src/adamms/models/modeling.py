"""What CogVLM and mPLUG-Owl2 share as transformers classes: a Llama with two-way modules and a vision side.

A family says where the images' vectors go (`TwoWayModel.place_images`), which is all that sets the two apart:
CogVLM overwrites the positions that token types mark, mPLUG-Owl2 lets placeholder ids grow. The cache, the
mask, the layers, the head and the loss are here. `processing` makes the inputs, from prompts and pictures.
"""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.cache_utils import DynamicCache
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import (
    BaseModelOutputWithPast,
    BaseModelOutputWithPooling,
    CausalLMOutputWithPast,
)
from transformers.modeling_utils import slice_logits_to_keep
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding
from transformers.utils.generic import can_return_tuple, merge_with_config_defaults
from transformers.utils.output_capturing import capture_outputs

from adamms.models.attention import StoredFrequencies, inherit_attention
from adamms.models.decoder import TwoWayAttention, TwoWayDecoderLayer
from adamms.models.generation import ImageGenerationMixin
from adamms.models.routing import Routing


@dataclass(frozen=True)
class ModelInputs:
    """What a forward pass was given; see `TwoWayForCausalLM.forward`."""

    input_ids: Tensor | None
    token_type_ids: Tensor | None
    attention_mask: Tensor | None
    pixel_values: Tensor | None
    position_ids: Tensor | None
    inputs_embeds: Tensor | None
    encoded: dict[str, Any] | None


@dataclass(frozen=True)
class Embedded:
    """A batch with its images' vectors in their places, ready for the layers."""

    embeds: Tensor
    """(batch, length, width)"""
    attention_mask: Tensor | None
    position_ids: Tensor
    routing: Routing | None


class TwoWayPreTrainedModel(PreTrainedModel):
    """What transformers has to know of both architectures to load, save and run them."""

    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values"]
    _supports_sdpa = True
    _can_record_outputs: ClassVar[dict[str, Any]] = {
        "hidden_states": TwoWayDecoderLayer,
        "attentions": TwoWayAttention,
    }
    # Computed from the config where a checkpoint lacks them.
    _keys_to_ignore_on_load_missing: ClassVar[list[str]] = [r"rotary_emb\.inv_freq$"]

    learned_vectors: ClassVar[dict[type[nn.Module], tuple[str, ...]]]
    """The parameters that are learned vectors, by the module that holds them: they begin at random."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        inherit_attention(config)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, StoredFrequencies):
            init.copy_(module.inv_freq, module.computed())
        for name in self.learned_vectors.get(type(module), ()):
            init.normal_(getattr(module, name), std=self.config.initializer_range)


class TwoWayModel(TwoWayPreTrainedModel):
    """The language model without its head; families add their vision side, then call `post_init`."""

    name: ClassVar[str]
    """The architecture's, for messages."""
    layer_class: ClassVar[Any]

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.layers = nn.ModuleList(
            [self.layer_class(config, index) for index in range(config.num_hidden_layers)]
        )
        self.norm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = LlamaRotaryEmbedding(config)
        self.gradient_checkpointing = False

    def place_images(self, inputs: ModelInputs, *, seen: int) -> Embedded:
        """The batch's embeddings with its images in their places; `seen` positions are in the cache."""
        raise NotImplementedError

    def get_image_features(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The vectors of images: `pooler_output` (images, vectors of one, width)."""
        raise NotImplementedError

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Hidden states of a batch; see `TwoWayForCausalLM.forward`."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError(
                f"{self.name} reads either input_ids or inputs_embeds: pass exactly one of them."
            )
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        batch = self.place_images(
            ModelInputs(
                input_ids=input_ids,
                token_type_ids=token_type_ids,
                attention_mask=attention_mask,
                pixel_values=pixel_values,
                position_ids=position_ids,
                inputs_embeds=inputs_embeds,
                encoded=mm_encoder_outputs,
            ),
            seen=0 if past_key_values is None else int(past_key_values.get_seq_length()),
        )
        # No position_ids here: transformers would take positions that an image shares for packed sequences.
        mask = create_causal_mask(self.config, batch.embeds, batch.attention_mask, past_key_values)
        rotation = self.rotary_emb(batch.embeds, position_ids=batch.position_ids.to(batch.embeds.device))
        hidden = batch.embeds
        for layer in self.layers:
            hidden = layer(
                hidden, routing=batch.routing, rotation=rotation, mask=mask, past_key_values=past_key_values
            )
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden), past_key_values=past_key_values)

    def image_vectors(self, inputs: ModelInputs) -> Tensor | None:
        """The vectors of the batch's images: encoded beforehand by `generate`, or now from the pixels."""
        if inputs.encoded and inputs.encoded.get("image") is not None:
            encoded: Tensor = inputs.encoded["image"].pooler_output
            return encoded
        if inputs.pixel_values is None:
            return None
        return self.get_image_features(inputs.pixel_values, return_dict=True).pooler_output


class TwoWayForCausalLM(TwoWayPreTrainedModel, ImageGenerationMixin):
    """A `TwoWayModel` with its head: logits, loss and `generate`."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}
    backbone_class: ClassVar[Any]

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = self.backbone_class(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_image_features(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The vectors of images, from the backbone."""
        features: BaseModelOutputWithPooling = self.model.get_image_features(pixel_values, **kwargs)
        return features

    def labels_of_positions(self, labels: Tensor, input_ids: Tensor | None) -> Tensor:
        """Labels of the logits' positions from those of the input ids: the same, unless an image grows."""
        return labels

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Logits of a batch, and with `labels` the loss.

        Args:
            input_ids: (batch, length); mPLUG-Owl2 has `config.image_token_index` where an image goes.
            attention_mask: 0 on padding, of the whole sequence: one a position of the cache and an input id.
            pixel_values: (images, channels, size, size), in the order of their places in the batch.
            token_type_ids: CogVLM's only. 1 on the positions of images, 0 elsewhere; of the whole sequence,
                or of `input_ids` alone if `position_ids` are given. Text alone needs none.
            position_ids: rotary positions, of the expanded batch; made when absent.
            past_key_values: a transformers cache.
            inputs_embeds: instead of `input_ids`; for mPLUG-Owl2 text alone.
            mm_encoder_outputs: `{"image": get_image_features(...)}` instead of `pixel_values`.
            labels: (batch, length), one an input id; -100 where there is nothing to learn.
            use_cache: return a cache.
            logits_to_keep: how many positions from the end get logits; 0 for all.
            kwargs: what transformers passes on, such as `output_hidden_states`.
        """
        outputs = self.model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            pixel_values=pixel_values,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            mm_encoder_outputs=mm_encoder_outputs,
            use_cache=use_cache,
            **kwargs,
        )
        logits = self.lm_head(slice_logits_to_keep(outputs.last_hidden_state, logits_to_keep))
        loss = None
        if labels is not None:
            labels = self.labels_of_positions(labels, input_ids)
            loss = self.loss_function(logits, labels, vocab_size=self.config.vocab_size)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )
