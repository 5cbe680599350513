"""The processor of a base stored by the LLaVA code base: its own tokenizer in transformers' processor class.

Such a folder holds a tokenizer and nothing on images. The family's image processor takes its settings from
the original config and the vision tower; the conversation is the family's. The vocabulary may have no token
for an image (the original uses an id outside of it): then one is added where the embedding table has a row
to spare, and otherwise the unknown token, which no text of a byte-fallback tokenizer gives, stands for it.
This file knows nothing of weights.
"""

from __future__ import annotations

from typing import Any

from adamms.answering.original_llava import OriginalLlava
from adamms.errors import SearchError
from adamms.mapping.architectures.llava_original import LLAVA

IMAGE = "<image>"


def original_processor(base: OriginalLlava) -> tuple[type, list[Any], dict[str, Any]]:
    """The processor's class, its image processor and tokenizer, and its settings."""
    import transformers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.folder, trust_remote_code=False)
    token = image_token(tokenizer, rows=int(base.values["vocab_size"]), where=str(base.folder))
    vision = base.vision_config()
    side, patch = vision["image_size"], vision["patch_size"]
    settings: dict[str, Any] = {
        "image_token": token,
        "chat_template": base.kind.template.replace("IMAGE", token),
    }
    if base.kind is LLAVA:
        from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil

        pictures = LlavaImageProcessorPil(
            size={"shortest_edge": side},
            crop_size={"height": side, "width": side},
            do_pad=base.aspect_ratio == "pad",
        )
        whole = base.values.get("mm_vision_select_feature", "patch") != "patch"
        settings |= {"patch_size": patch, "num_additional_image_tokens": 1}
        settings["vision_feature_select_strategy"] = "full" if whole else "default"
        return transformers.LlavaProcessor, [pictures, tokenizer], settings
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
        LlavaOnevisionImageProcessorPil,
    )

    grid = base.grid(side)
    tiles = LlavaOnevisionImageProcessorPil(
        size={"height": side, "width": side},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
        **({} if grid is None else {"image_grid_pinpoints": grid}),
    )
    settings |= {"num_image_tokens": (side // patch) ** 2, "vision_feature_select_strategy": "full"}
    settings["vision_aspect_ratio"] = base.aspect_ratio
    return transformers.LlavaOnevisionProcessor, [tiles, tokenizer], settings


def image_token(tokenizer: Any, *, rows: int, where: str) -> str:
    """The token that stands for an image, known to the tokenizer afterwards."""
    own = getattr(tokenizer, "image_token", None)
    if own is not None:  # transformers' processors take this one, whatever they are given
        return str(own)
    if IMAGE in tokenizer.get_vocab():
        return IMAGE
    if len(tokenizer) < rows:
        tokenizer.add_special_tokens(
            {"additional_special_tokens": [IMAGE]}, replace_extra_special_tokens=False
        )
        return IMAGE
    if tokenizer.unk_token is None:
        raise SearchError(
            f"The vocabulary of {where} fills its embedding table and has no unknown token: nothing is left "
            f"to stand for an image. Add {IMAGE} to its tokenizer and a row to its tables."
        )
    return str(tokenizer.unk_token)
