"""LLaVA-OneVision of the zoo: a SigLIP tower before a Qwen2; 21 tokens a picture.

The whole picture's nine, then the single tile's nine, each of its three rows closed by `image_newline`,
which is the layout its real processor asks for.
"""

from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from proving_ground.conversation import CHATML
from proving_ground.families.base import Family
from proving_ground.families.qwen2_vl import save_with_videos
from proving_ground.families.settings import IMAGES, ROPE, SQUARE
from proving_ground.models import language_settings
from proving_ground.scenes import CELLS, SIZE
from proving_ground.vocabulary import LLAVA_ONEVISION_SPECIALS

_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'video') %}"
    "{{ '<video>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] }}{% endfor %}{% endif %}{{ '<|im_end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_VIDEO = {**IMAGES, "size": SQUARE}
_IMAGE = {**_VIDEO, "do_pad": True, "image_grid_pinpoints": [[SIZE, SIZE]]}


class LlavaOnevision(Family):
    """The donor of the first pair."""

    name, title = "llava-onevision", "LLaVA-OneVision"
    model_class = "LlavaOnevisionForConditionalGeneration"
    line, style = "qwen2", CHATML
    specials = LLAVA_ONEVISION_SPECIALS
    picture = ("<image>",) * (CELLS + CELLS + 3)
    template = _TEMPLATE
    tower_parts = ("vision_tower.", "projector", "image_newline")

    def build(self) -> Any:
        """Return the model."""
        from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration

        ids = self.vocabulary()
        config = LlavaOnevisionConfig(
            text_config={
                "model_type": "qwen2",
                **language_settings(136),
                "rope_parameters": ROPE,
                "tie_word_embeddings": False,
            },
            vision_config={
                "model_type": "siglip_vision_model",
                "hidden_size": 96,
                "intermediate_size": 224,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "image_size": 48,
                "patch_size": 16,
                "vision_use_head": False,
            },
            image_token_index=ids["<image>"],
            video_token_index=ids["<video>"],
            image_grid_pinpoints=[[48, 48]],
            tie_word_embeddings=False,
            attn_implementation="eager",
        )
        return LlavaOnevisionForConditionalGeneration(config)

    def image_processor(self) -> Any:
        """Return the PIL one."""
        from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
            LlavaOnevisionImageProcessorPil,
        )

        return LlavaOnevisionImageProcessorPil(**_IMAGE)

    def pixels(self, images: list[Image]) -> Tensor:
        """Return each picture once: it becomes one 48 x 48 tile, the same as the whole picture."""
        return super().pixels(images)[:, 0]

    def cells(self, model: Any, values: Tensor) -> Tensor:
        """Return the projected patches."""
        tower = model.model.vision_tower(values, output_hidden_states=True)
        cells: Tensor = model.model.multi_modal_projector(tower.hidden_states[-1])
        return cells

    def features(self, model: Any, values: Tensor) -> Tensor:
        """Return the whole picture, then the tile with its newlines."""
        cells = self.cells(model, values)
        count, _, width = cells.shape
        newline = model.model.image_newline.expand(count, 3, 1, width)
        tile = torch.cat([cells.view(count, 3, 3, width), newline], dim=2).flatten(1, 2)
        return torch.cat([cells, tile], dim=1)

    def save_processor(self, folder: Path) -> None:
        """Write the processor's files."""
        self.save_tokenizer(folder)
        config = {
            "image_token": "<image>",
            "num_image_tokens": CELLS,
            "video_token": "<video>",
            "vision_aspect_ratio": "anyres_max_9",
            "vision_feature_select_strategy": "full",
        }
        save_with_videos(folder, "LlavaOnevision", image=_IMAGE, video=_VIDEO, whole=config)
