"""mPLUG-Owl2 (the LLaMA-2 variant) as transformers classes, under the official checkpoint's names.

`MPLUGOwl2LlamaForCausalLM` reads `(input_ids, attention_mask, pixel_values)` with -200 in the ids where an
image goes. Each placeholder grows to the image's vectors, so logits and hidden states are longer than the
input ids, and `generate` goes on from the longer length. This file knows no prompts and no pictures;
`processing` makes its inputs.
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
from adamms.models.generation import ImageGenerationMixin
from adamms.models.mplug_owl2.abstractor import MPLUGOwl2Abstractor, MPLUGOwl2CrossAttention
from adamms.models.mplug_owl2.configuration import MPLUGOwl2Config
from adamms.models.mplug_owl2.decoder import MPLUGOwl2Attention, MPLUGOwl2DecoderLayer
from adamms.models.mplug_owl2.placeholders import Layout, lay_out, shown_images, spread_mask
from adamms.models.mplug_owl2.vision import MPLUGOwl2VisionEmbeddings, MPLUGOwl2VisionModel
from adamms.models.routing import Routing

NO_LABEL = -100


class MPLUGOwl2PreTrainedModel(PreTrainedModel):
    """What transformers has to know of the architecture to load, save and run it."""

    config_class = MPLUGOwl2Config
    base_model_prefix = "model"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar[list[str]] = [
        "MPLUGOwl2DecoderLayer",
        "MPLUGOwl2VisionLayer",
        "MPLUGOwl2AbstractorLayer",
    ]
    _skip_keys_device_placement: ClassVar[list[str]] = ["past_key_values"]
    _supports_sdpa = True
    _can_record_outputs: ClassVar[dict[str, Any]] = {
        "hidden_states": MPLUGOwl2DecoderLayer,
        "attentions": MPLUGOwl2Attention,
    }
    # Computed from the config where a checkpoint lacks them: the authors' conversion leaves the tables out.
    _keys_to_ignore_on_load_missing: ClassVar[list[str]] = [
        r"rotary_emb\.inv_freq$",
        r"crossattention\.attention\.[qk]_pos_embed$",
    ]

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        inherit_attention(config)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        std = self.config.initializer_range
        if isinstance(module, StoredFrequencies):
            init.copy_(module.inv_freq, module.computed())
        elif isinstance(module, MPLUGOwl2CrossAttention):
            queries, vision = module.tables()
            init.copy_(module.q_pos_embed, queries)
            init.copy_(module.k_pos_embed, vision)
        elif isinstance(module, MPLUGOwl2VisionEmbeddings):
            init.normal_(module.cls_token, std=std)
            init.normal_(module.position_embedding, std=std)
        elif isinstance(module, MPLUGOwl2Abstractor):
            init.normal_(module.query_embeds, std=std)
            init.normal_(module.vit_eos, std=std)


class MPLUGOwl2Model(MPLUGOwl2PreTrainedModel):
    """The vision tower, the abstractor and the language model without its head."""

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        visual = config.visual_config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.pad_token_id)
        self.layers = nn.ModuleList(
            [MPLUGOwl2DecoderLayer(config, index) for index in range(config.num_hidden_layers)]
        )
        self.norm = LlamaRMSNorm(config.hidden_size, eps=config.rms_norm_eps)
        self.rotary_emb = LlamaRotaryEmbedding(config)
        self.vision_model = MPLUGOwl2VisionModel(visual.visual_model)
        self.visual_abstractor = MPLUGOwl2Abstractor(visual.visual_abstractor, config.hidden_size)
        self.gradient_checkpointing = False
        self.post_init()

    @can_return_tuple
    def get_image_features(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The vectors of images: `pooler_output` (images, queries + 1, width), the learned end included."""
        seen = self.vision_model(pixel_values)
        return BaseModelOutputWithPooling(last_hidden_state=seen, pooler_output=self.visual_abstractor(seen))

    def lay_out(self, input_ids: Tensor) -> Layout | None:
        """Where the tokens and the image vectors of a batch stand; None for text alone."""
        return lay_out(input_ids, placeholder=self.config.image_token_index, length=self.config.image_length)

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        pixel_values: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        mm_encoder_outputs: dict[str, Any] | None = None,
        use_cache: bool | None = None,
        **kwargs: Any,
    ) -> BaseModelOutputWithPast:
        """Hidden states of a batch; see `MPLUGOwl2LlamaForCausalLM.forward`."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("mPLUG-Owl2 reads either input_ids or inputs_embeds: pass exactly one of them.")
        if use_cache and past_key_values is None:
            past_key_values = DynamicCache(config=self.config)
        seen = 0 if past_key_values is None else int(past_key_values.get_seq_length())
        routing = None
        if inputs_embeds is not None:
            embeds = inputs_embeds
        else:
            assert input_ids is not None
            layout = self.lay_out(input_ids)
            if layout is None:
                if pixel_values is not None and not seen:  # nobody sees them: at most one a row
                    shown_images(
                        input_ids, placeholder=self.config.image_token_index, count=len(pixel_values)
                    )
                embeds = self.embed_tokens(input_ids)
            else:
                features = self._image_vectors(input_ids, pixel_values, mm_encoder_outputs)
                embeds = self._splice(input_ids, features, layout=layout)
                attention_mask = spread_mask(layout, attention_mask, input_ids=input_ids, cached=seen)
                routing = Routing.of(layout.image)
        if position_ids is None:
            position_ids = _positions(embeds, attention_mask, seen=seen)
        elif position_ids.shape[-1] != embeds.shape[1]:
            raise ValueError(
                f"position_ids name {position_ids.shape[-1]} positions, but with its image vectors the batch "
                f"has {embeds.shape[1]}; leave them out and they are made from the attention mask."
            )

        mask = create_causal_mask(self.config, embeds, attention_mask, past_key_values)
        rotation = self.rotary_emb(embeds, position_ids=position_ids.to(embeds.device))
        hidden = embeds
        for layer in self.layers:
            hidden = layer(
                hidden, routing=routing, rotation=rotation, mask=mask, past_key_values=past_key_values
            )
        return BaseModelOutputWithPast(last_hidden_state=self.norm(hidden), past_key_values=past_key_values)

    def _image_vectors(
        self, input_ids: Tensor, pixel_values: Tensor | None, encoded: dict[str, Any] | None
    ) -> Tensor:
        """The vectors of the images shown, encoded beforehand by `generate` or now from the pixels."""
        if encoded and encoded.get("image") is not None:
            features: Tensor = encoded["image"].pooler_output
        elif pixel_values is not None:
            features = self.get_image_features(pixel_values, return_dict=True).pooler_output
        else:
            raise ValueError(
                "The input ids hold image placeholders, but there are no pixel_values to fill them."
            )
        shown = shown_images(input_ids, placeholder=self.config.image_token_index, count=len(features))
        return features if len(shown) == len(features) else features[shown]

    def _splice(self, input_ids: Tensor, features: Tensor, *, layout: Layout) -> Tensor:
        """The embeddings of the expanded batch, with the images' vectors in their places."""
        ids = layout.spread(input_ids, filler=0).masked_fill(layout.image, 0)
        embeds: Tensor = self.embed_tokens(ids)
        return embeds.masked_scatter(layout.image.unsqueeze(-1), features.to(embeds.device, embeds.dtype))


class MPLUGOwl2LlamaForCausalLM(MPLUGOwl2PreTrainedModel, ImageGenerationMixin):
    """mPLUG-Owl2 with its head: logits, loss and `generate`."""

    _tied_weights_keys: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}
    vision_modules = ("vision_model", "visual_abstractor")

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        self.model = MPLUGOwl2Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_image_features(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The vectors of images, as `MPLUGOwl2Model.get_image_features`."""
        return self.model.get_image_features(pixel_values, **kwargs)

    def image_vectors(self, inputs: Mapping[str, Tensor]) -> int:
        """So many for each placeholder."""
        return self.config.image_length * int((inputs["input_ids"] == self.config.image_token_index).sum())

    def cache_length(self, inputs: Mapping[str, Tensor]) -> int:
        """The expanded prompt's length: its tokens, and its images' vectors."""
        ids = inputs["input_ids"]
        return int((ids != self.config.image_token_index).sum()) + self.image_vectors(inputs)

    @can_return_tuple
    def forward(
        self,
        input_ids: Tensor | None = None,
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
        """Logits of a batch, its image vectors included, and with `labels` the loss.

        Args:
            input_ids: (batch, length), with `config.image_token_index` where an image goes.
            attention_mask: 0 on padding; one a position of the cache and an input id.
            pixel_values: (images, channels, size, size), in the order of their placeholders in the batch.
            position_ids: of the expanded batch; made from the attention mask when absent.
            past_key_values: a transformers cache.
            inputs_embeds: instead of `input_ids`, for text alone.
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
            layout = None if input_ids is None else self.model.lay_out(input_ids)
            if layout is not None:
                labels = layout.spread(labels, filler=NO_LABEL).masked_fill(layout.image, NO_LABEL)
            loss = self.loss_function(logits, labels, vocab_size=self.config.vocab_size)
        return CausalLMOutputWithPast(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        next_sequence_length: int | None = None,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        is_first_iteration: bool | None = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """The inputs of one step: `generate` counts input ids, the cache also counts image vectors."""
        if getattr(past_key_values, "is_compileable", False):
            raise ValueError("mPLUG-Owl2 outgrows a static cache, sized by its input ids: use a dynamic one.")
        kwargs.pop("position_ids", None)  # made from the mask of the expanded batch
        seen = 0 if past_key_values is None else int(past_key_values.get_seq_length())
        if seen and inputs_embeds is None:
            layout = self.model.lay_out(input_ids)
            if layout is not None:
                attention_mask = spread_mask(layout, attention_mask, input_ids=input_ids)
                if is_first_iteration:  # it goes on from the cache of an earlier answer
                    next_sequence_length = attention_mask.shape[1] - seen
            new = input_ids.shape[1] if next_sequence_length is None else next_sequence_length
            if bool((input_ids[:, -new:] == self.config.image_token_index).any()):
                raise ValueError(
                    "A generation that goes on from a cache can add text, not images: start it anew, or "
                    "pass only the new ids to the model itself."
                )
            if attention_mask is not None:
                # Rows end together in the cache too. On its left it may hold more padding than the ids call
                # for, if a row with more images has left the batch, or less.
                attention_mask = nn.functional.pad(attention_mask, (seen + new - attention_mask.shape[1], 0))
        inputs: dict[str, Any] = super().prepare_inputs_for_generation(
            input_ids,
            next_sequence_length=next_sequence_length,
            past_key_values=past_key_values,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            is_first_iteration=is_first_iteration,
            **kwargs,
        )
        return inputs

    def _expand_multimodal_outputs(
        self, input_ids: Tensor, mm_encoder_output: dict[str, Any], expand_size: int = 1, **kwargs: Any
    ) -> dict[str, Any]:
        """Repeat the images of a row, together and in order, for each beam of the row."""
        image = mm_encoder_output.get("image")
        if image is not None:
            placeholder, features = self.config.image_token_index, image.pooler_output
            shown = shown_images(input_ids, placeholder=placeholder, count=len(features))
            held = (input_ids == placeholder).sum(dim=1).tolist()
            rows = torch.tensor(shown, dtype=torch.long, device=features.device).split(held)
            image.pooler_output = features[torch.cat([row for row in rows for _ in range(expand_size)])]
        return mm_encoder_output


def _positions(embeds: Tensor, attention_mask: Tensor | None, *, seen: int) -> Tensor:
    """The rotary positions of a forward pass that was not given any: padding does not count."""
    length = embeds.shape[1]
    if attention_mask is not None and attention_mask.dim() == 2:
        counted = attention_mask.long().cumsum(dim=-1) - 1
        return counted.clamp(min=0)[:, -length:]
    return torch.arange(seen, seen + length, device=embeds.device).unsqueeze(0)
