"""CogVLM (first generation) as transformers classes, under the official checkpoint's names.

`CogVLMForCausalLM` reads `(input_ids, attention_mask, pixel_values, token_type_ids)`: an image's positions
have token type 1, hold any id, and are overwritten by the vision model's vectors, image after image. With a
cache, positions go on from the last one (not from the length), which `generate` sees to.
"""

# mypy: disallow-subclassing-any=False, disallow-untyped-decorators=False

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.utils.generic import can_return_tuple

from adamms.models.cogvlm.configuration import CogVLMConfig
from adamms.models.cogvlm.decoder import CogVLMDecoderLayer
from adamms.models.cogvlm.token_types import from_zero, vision_positions
from adamms.models.cogvlm.token_types import position_ids as positions_of
from adamms.models.cogvlm.vision import CogVLMPatchEmbedding, CogVLMVisionModel
from adamms.models.modeling import (
    Embedded,
    ModelInputs,
    TwoWayForCausalLM,
    TwoWayModel,
    TwoWayPreTrainedModel,
)
from adamms.models.routing import Routing


class CogVLMPreTrainedModel(TwoWayPreTrainedModel):
    """What transformers has to know of the architecture to load, save and run it."""

    config_class = CogVLMConfig
    _no_split_modules: ClassVar[list[str]] = ["CogVLMDecoderLayer", "CogVLMVisionLayer"]
    learned_vectors: ClassVar[dict[type[nn.Module], tuple[str, ...]]] = {
        CogVLMPatchEmbedding: ("cls_embedding",),
        CogVLMVisionModel: ("boi", "eoi"),
    }


class CogVLMModel(TwoWayModel, CogVLMPreTrainedModel):
    """The vision model and the language model without its head."""

    name = "CogVLM"
    layer_class = CogVLMDecoderLayer

    def __init__(self, config: CogVLMConfig) -> None:
        super().__init__(config)
        self.vision = CogVLMVisionModel(config)
        self.post_init()

    @can_return_tuple
    def get_image_features(self, pixel_values: Tensor, **kwargs: Any) -> BaseModelOutputWithPooling:
        """The vectors of images: `pooler_output` (images, patches + 2, width), begin and end included."""
        return self.vision(pixel_values)

    def place_images(self, inputs: ModelInputs, *, seen: int) -> Embedded:
        """The images' vectors on the positions of token type 1."""
        text: Tensor = (
            self.embed_tokens(inputs.input_ids) if inputs.inputs_embeds is None else inputs.inputs_embeds
        )
        features, token_types, positions = (
            self.image_vectors(inputs),
            inputs.token_type_ids,
            inputs.position_ids,
        )
        if positions is None:
            positions = _positions(text, token_types, attention_mask=inputs.attention_mask, seen=seen)
        routing = None
        if token_types is not None:
            token_types = token_types[:, -text.shape[1] :].to(text.device)
            # The last position is always language: a step of one token need not look (and make a GPU wait).
            if text.shape[1] > 1:
                routing = Routing.of(vision_positions(token_types))
        if features is None and routing is not None and inputs.inputs_embeds is None:
            raise ValueError(
                "token_type_ids mark image positions, but there are no pixel_values to fill them."
            )
        embeds = text if features is None else _splice(text, features, token_types=token_types)
        return Embedded(embeds, inputs.attention_mask, positions, routing)


class CogVLMForCausalLM(TwoWayForCausalLM, CogVLMPreTrainedModel):
    """CogVLM with its head: logits, loss and `generate`."""

    backbone_class = CogVLMModel
    vision_modules = ("vision",)

    def image_vectors(self, inputs: Mapping[str, Tensor]) -> int:
        """The positions of token type 1."""
        return int((inputs["token_type_ids"] == 1).sum())

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
