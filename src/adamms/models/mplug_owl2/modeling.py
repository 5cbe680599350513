"""mPLUG-Owl2 (the LLaMA-2 variant) as transformers classes, under the official checkpoint's names.

`MPLUGOwl2LlamaForCausalLM` reads `(input_ids, attention_mask, pixel_values)` with -200 in the ids where an
image goes. Each placeholder grows to the image's vectors, so logits and hidden states are longer than the
input ids, and `generate` goes on from the longer length.
"""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils.generic import can_return_tuple

from adamms.models.modeling import (
    Embedded,
    ModelInputs,
    TwoWayForCausalLM,
    TwoWayModel,
    TwoWayPreTrainedModel,
)
from adamms.models.mplug_owl2.abstractor import MPLUGOwl2Abstractor, MPLUGOwl2CrossAttention
from adamms.models.mplug_owl2.configuration import MPLUGOwl2Config
from adamms.models.mplug_owl2.decoder import MPLUGOwl2DecoderLayer
from adamms.models.mplug_owl2.placeholders import Layout, lay_out, shown_images, spread_mask
from adamms.models.mplug_owl2.vision import MPLUGOwl2VisionEmbeddings, MPLUGOwl2VisionModel
from adamms.models.routing import Routing

NO_LABEL = -100


class MPLUGOwl2PreTrainedModel(TwoWayPreTrainedModel):
    """What transformers has to know of the architecture to load, save and run it."""

    config_class = MPLUGOwl2Config
    _no_split_modules: ClassVar[list[str]] = [
        "MPLUGOwl2DecoderLayer",
        "MPLUGOwl2VisionLayer",
        "MPLUGOwl2AbstractorLayer",
    ]
    # The authors' conversion leaves the tables out too.
    _keys_to_ignore_on_load_missing: ClassVar[list[str]] = [
        *TwoWayPreTrainedModel._keys_to_ignore_on_load_missing,
        r"crossattention\.attention\.[qk]_pos_embed$",
    ]
    learned_vectors: ClassVar[dict[type[nn.Module], tuple[str, ...]]] = {
        MPLUGOwl2VisionEmbeddings: ("cls_token", "position_embedding"),
        MPLUGOwl2Abstractor: ("query_embeds", "vit_eos"),
    }

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, MPLUGOwl2CrossAttention):
            queries, vision = module.tables()
            init.copy_(module.q_pos_embed, queries)
            init.copy_(module.k_pos_embed, vision)


class MPLUGOwl2Model(TwoWayModel, MPLUGOwl2PreTrainedModel):
    """The vision tower, the abstractor and the language model without its head."""

    name = "mPLUG-Owl2"
    layer_class = MPLUGOwl2DecoderLayer

    def __init__(self, config: MPLUGOwl2Config) -> None:
        super().__init__(config)
        visual = config.visual_config
        self.vision_model = MPLUGOwl2VisionModel(visual.visual_model)
        self.visual_abstractor = MPLUGOwl2Abstractor(visual.visual_abstractor, config.hidden_size)
        self.post_init()

    @can_return_tuple
    def get_image_features(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The vectors of images: `pooler_output` (images, queries + 1, width), the learned end included."""
        seen = self.vision_model(pixel_values)
        return BaseModelOutputWithPooling(last_hidden_state=seen, pooler_output=self.visual_abstractor(seen))

    def lay_out(self, input_ids: Tensor) -> Layout | None:
        """Where the tokens and the image vectors of a batch stand; None for text alone."""
        return lay_out(input_ids, placeholder=self.config.image_token_index, length=self.config.image_length)

    def place_images(self, inputs: ModelInputs, *, seen: int) -> Embedded:
        """Every placeholder grown to its image's vectors."""
        if inputs.token_type_ids is not None:
            raise ValueError("mPLUG-Owl2 reads no token_type_ids: its ids say where an image goes.")
        attention_mask, positions, routing = inputs.attention_mask, inputs.position_ids, None
        ids, embeds = inputs.input_ids, inputs.inputs_embeds
        if embeds is None:
            assert ids is not None
            layout = self.lay_out(ids)
            if layout is None:
                if inputs.pixel_values is not None and not seen:  # nobody sees them: at most one a row
                    self._shown(ids, count=len(inputs.pixel_values))
                embeds = self.embed_tokens(ids)
            else:
                embeds = self._splice(ids, self._shown_vectors(ids, inputs), layout=layout)
                attention_mask = spread_mask(layout, attention_mask, input_ids=ids, cached=seen)
                routing = Routing.of(layout.image)
        if positions is None:
            positions = _positions(embeds, attention_mask, seen=seen)
        elif positions.shape[-1] != embeds.shape[1]:
            raise ValueError(
                f"position_ids name {positions.shape[-1]} positions, but with its image vectors the batch "
                f"has {embeds.shape[1]}; leave them out and they are made from the attention mask."
            )
        return Embedded(embeds, attention_mask, positions, routing)

    def _shown_vectors(self, input_ids: Tensor, inputs: ModelInputs) -> Tensor:
        """The vectors of the images that the placeholders show."""
        features = self.image_vectors(inputs)
        if features is None:
            raise ValueError(
                "The input ids hold image placeholders, but there are no pixel_values to fill them."
            )
        shown = self._shown(input_ids, count=len(features))
        return features if len(shown) == len(features) else features[shown]

    def _shown(self, input_ids: Tensor, *, count: int) -> list[int]:
        return shown_images(input_ids, placeholder=self.config.image_token_index, count=count)

    def _splice(self, input_ids: Tensor, features: Tensor, *, layout: Layout) -> Tensor:
        """The embeddings of the expanded batch, with the images' vectors in their places."""
        ids = layout.spread(input_ids, filler=0).masked_fill(layout.image, 0)
        embeds: Tensor = self.embed_tokens(ids)
        return embeds.masked_scatter(layout.image.unsqueeze(-1), features.to(embeds.device, embeds.dtype))


class MPLUGOwl2LlamaForCausalLM(TwoWayForCausalLM, MPLUGOwl2PreTrainedModel):
    """mPLUG-Owl2 with its head: logits (its image vectors' too), loss and `generate`."""

    backbone_class = MPLUGOwl2Model
    vision_modules = ("vision_model", "visual_abstractor")

    def image_vectors(self, inputs: Mapping[str, Tensor]) -> int:
        """So many for each placeholder."""
        return self.config.image_length * int((inputs["input_ids"] == self.config.image_token_index).sum())

    def cache_length(self, inputs: Mapping[str, Tensor]) -> int:
        """The expanded prompt's length: its tokens, and its images' vectors."""
        ids = inputs["input_ids"]
        return int((ids != self.config.image_token_index).sum()) + self.image_vectors(inputs)

    def labels_of_positions(self, labels: Tensor, input_ids: Tensor | None) -> Tensor:
        """Labels of the expanded batch: nothing is learnt on an image's vectors."""
        layout = None if input_ids is None else self.model.lay_out(input_ids)
        if layout is None:
            return labels
        return layout.spread(labels, filler=NO_LABEL).masked_fill(layout.image, NO_LABEL)

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
