"""CogVLM (first generation) as transformers classes, under the official checkpoint's names.

`CogVLMForCausalLM` reads `(input_ids, token_type_ids, attention_mask, pixel_values)`: an image's positions
have token type 1, hold any id, and are overwritten by the vision model's vectors, image after image. With a
cache, positions go on from the last one (not from the length), which `generate` sees to. This file knows no
prompts and no pictures; `processing` makes its inputs.
"""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

from collections.abc import Mapping
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
from adamms.models.cogvlm.configuration import CogVLMConfig
from adamms.models.cogvlm.decoder import CogVLMAttention, CogVLMDecoderLayer
from adamms.models.cogvlm.token_types import from_zero, vision_positions
from adamms.models.cogvlm.token_types import position_ids as positions_of
from adamms.models.cogvlm.vision import CogVLMPatchEmbedding, CogVLMVisionModel
from adamms.models.generation import ImageGenerationMixin
from adamms.models.routing import Routing


class CogVLMPreTrainedModel(PreTrainedModel):
    """What transformers has to know of the architecture to load, save and run it."""

    config_class = CogVLMConfig
    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = ["CogVLMDecoderLayer", "CogVLMVisionLayer"]
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values"]
    _supports_sdpa = True
    _can_record_outputs: ClassVar[dict[str, Any]] = {
        "hidden_states": CogVLMDecoderLayer,
        "attentions": CogVLMAttention,
    }
    # Computed from the config when a checkpoint lacks them.
    _keys_to_ignore_on_load_missing: ClassVar[list[str]] = [r"rotary_emb\.inv_freq$"]

    def __init__(self, config: CogVLMConfig) -> None:
        super().__init__(config)
        inherit_attention(config)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        std = self.config.initializer_range
        if isinstance(module, StoredFrequencies):
            init.copy_(module.inv_freq, module.computed())
        elif isinstance(module, CogVLMPatchEmbedding):
            init.normal_(module.cls_embedding, std=std)
        elif isinstance(module, CogVLMVisionModel):
            init.normal_(module.boi, std=std)
            init.normal_(module.eoi, std=std)


class CogVLMModel(CogVLMPreTrainedModel):
    """The vision model and the language model without its head."""

    def __init__(self, config: CogVLMConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.layers = nn.ModuleList(
            [CogVLMDecoderLayer(config, index) for index in range(config.num_hidden_layers)]
        )
        self.norm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = LlamaRotaryEmbedding(config)
        self.vision = CogVLMVisionModel(config)
        self.gradient_checkpointing = False
        self.post_init()

    @can_return_tuple
    def get_image_features(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The vectors of images: `pooler_output` (images, patches + 2, width), begin and end included."""
        return self.vision(pixel_values)

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Hidden states of a batch; see `CogVLMForCausalLM.forward`."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("CogVLM reads either input_ids or inputs_embeds: pass exactly one of them.")
        embeds: Tensor = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        features = self._image_vectors(pixel_values, mm_encoder_outputs)
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        seen = 0 if past_key_values is None else int(past_key_values.get_seq_length())
        if position_ids is None:
            position_ids = _positions(embeds, token_type_ids, attention_mask=attention_mask, seen=seen)

        routing = None
        if token_type_ids is not None:
            token_type_ids = token_type_ids[:, -embeds.shape[1] :].to(embeds.device)
            # The last position is always language: a step of one token need not look (and make a GPU wait).
            if embeds.shape[1] > 1:
                routing = Routing.of(vision_positions(token_type_ids))
        if features is not None:
            embeds = _splice(embeds, features, token_types=token_type_ids)
        elif routing is not None and inputs_embeds is None:
            raise ValueError(
                "token_type_ids mark image positions, but there are no pixel_values to fill them."
            )

        # No position_ids here: transformers would take an image's shared position for packed sequences.
        mask = create_causal_mask(self.config, embeds, attention_mask, past_key_values)
        rotation = self.rotary_emb(embeds, position_ids=position_ids.to(embeds.device))
        hidden = embeds
        for layer in self.layers:
            hidden = layer(
                hidden, routing=routing, rotation=rotation, mask=mask, past_key_values=past_key_values
            )
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden), past_key_values=past_key_values)

    def _image_vectors(self, pixel_values: Tensor | None, encoded: dict[str, Any] | None) -> Tensor | None:
        """The images' vectors, from `generate` that encoded them beforehand or from the pixels."""
        if encoded and encoded.get("image") is not None:
            return encoded["image"].pooler_output
        if pixel_values is None:
            return None
        return self.get_image_features(pixel_values, return_dict=True).pooler_output


class CogVLMForCausalLM(CogVLMPreTrainedModel, ImageGenerationMixin):
    """CogVLM with its head: logits, loss and `generate`."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}
    vision_modules = ("vision",)

    def __init__(self, config: CogVLMConfig) -> None:
        super().__init__(config)
        self.model = CogVLMModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_image_features(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The vectors of images, as `CogVLMModel.get_image_features`."""
        return self.model.get_image_features(pixel_values, **kwargs)

    def image_vectors(self, inputs: Mapping[str, Tensor]) -> int:
        """The positions of token type 1."""
        return int((inputs["token_type_ids"] == 1).sum())

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
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
            input_ids: (batch, length).
            token_type_ids: 1 on the positions of images, 0 elsewhere; of the whole sequence, or of
                `input_ids` alone if `position_ids` are given. Text alone needs none.
            attention_mask: 0 on padding, of the whole sequence.
            pixel_values: (images, channels, size, size), in the order of their positions in the batch.
            position_ids: rotary positions; made from the token types when absent.
            past_key_values: a transformers cache.
            inputs_embeds: instead of `input_ids`.
            mm_encoder_outputs: `{"image": get_image_features(...)}` instead of `pixel_values`.
            labels: (batch, length), -100 where there is nothing to learn.
            use_cache: return a cache.
            logits_to_keep: how many positions from the end get logits; 0 for all.
            kwargs: what transformers passes on, such as `output_hidden_states`.
        """
        outputs = self.model(
            input_ids=input_ids,
            token_type_ids=token_type_ids,
            attention_mask=attention_mask,
            pixel_values=pixel_values,
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
            loss = self.loss_function(logits, labels, vocab_size=self.config.vocab_size)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def _prepare_position_ids_for_generation(
        self, inputs_tensor: Tensor, model_kwargs: dict[str, Any]
    ) -> Tensor:
        token_types = model_kwargs.get("token_type_ids")
        if token_types is None:
            return super()._prepare_position_ids_for_generation(inputs_tensor, model_kwargs)
        mask = model_kwargs.get("attention_mask")
        # From zero in every row, so that a row's numbers do not depend on the batch it is in.
        return from_zero(positions_of(token_types, mask), mask)

    def _prepare_attention_mask_for_generation(
        self, inputs_tensor: Tensor, generation_config: Any, model_kwargs: dict[str, Any]
    ) -> Tensor:
        """Guess padding as transformers does, but never on an image, whose positions hold the pad id."""
        mask = super()._prepare_attention_mask_for_generation(inputs_tensor, generation_config, model_kwargs)
        token_types = model_kwargs.get("token_type_ids")
        return mask if token_types is None else mask.masked_fill(token_types == 1, 1)

    def _update_model_kwargs_for_generation(
        self, outputs: Any, model_kwargs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """What was generated is text, also right behind an image."""
        before = model_kwargs.get("token_type_ids")
        updated = super()._update_model_kwargs_for_generation(outputs, model_kwargs, *args, **kwargs)
        if before is not None:
            updated["token_type_ids"][:, before.shape[1] :] = 0
        return updated

    def _expand_multimodal_outputs(
        self, input_ids: Tensor, mm_encoder_output: dict[str, Any], expand_size: int = 1, **kwargs: Any
    ) -> dict[str, Any]:
        """Repeat each image for each beam of its row; a row has one image at most."""
        image = mm_encoder_output.get("image")
        if image is not None:
            image.pooler_output = image.pooler_output.repeat_interleave(expand_size, dim=0)
        return mm_encoder_output


def _positions(
    embeds: Tensor, token_types: Tensor | None, *, attention_mask: Tensor | None, seen: int
) -> Tensor:
    """The rotary positions of a forward pass that was not given any."""
    length = embeds.shape[1]
    if seen == 0 and token_types is None:
        token_types = torch.zeros(embeds.shape[:2], dtype=torch.long, device=embeds.device)
    if token_types is None or token_types.shape[1] != seen + length:
        raise ValueError(
            f"With {seen} positions in the cache, CogVLM needs position_ids, or the token_type_ids of all "
            f"{seen + length} positions: where the text goes on depends on the images before it."
        )
    padding = attention_mask if attention_mask is not None and attention_mask.dim() == 2 else None
    return positions_of(token_types, padding)[:, -length:]


def _splice(embeds: Tensor, features: Tensor, *, token_types: Tensor | None) -> Tensor:
    """The embeddings with the images' vectors on the positions of token type 1."""
    marked = 0 if token_types is None else int((token_types == 1).sum())
    if token_types is None or marked != features.shape[0] * features.shape[1]:
        raise ValueError(
            f"token_type_ids mark {marked} image positions, but {features.shape[0]} image(s) take "
            f"{features.shape[0]} x {features.shape[1]} of them."
        )
    image = (token_types == 1).unsqueeze(-1)
    return embeds.masked_scatter(image, features.to(embeds.device, embeds.dtype))
