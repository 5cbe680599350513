"""Qwen2-VL of the zoo: its ViT (8 x 8 patches, merged 2 x 2) before a Qwen2; nine tokens a picture.

Its processor files are complete though built without torchvision: where that is installed,
`AutoProcessor.from_pretrained` finds the video processor's settings too.
"""

from pathlib import Path
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from proving_ground.conversation import CHATML
from proving_ground.families.base import Family, write_json
from proving_ground.families.settings import IMAGES, ROPE
from proving_ground.models import HIDDEN, language_settings
from proving_ground.scenes import CELLS, SIZE
from proving_ground.vocabulary import QWEN2_VL_SPECIALS

_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SETTINGS = {
    **IMAGES,
    "merge_size": 2,
    "patch_size": 8,
    "size": {"longest_edge": SIZE * SIZE, "shortest_edge": SIZE * SIZE},
    "temporal_patch_size": 2,
}


class Qwen2VL(Family):
    """The base of the first pair."""

    name, title = "qwen2-vl", "Qwen2-VL"
    model_class = "Qwen2VLForConditionalGeneration"
    line, style = "qwen2", CHATML
    specials = QWEN2_VL_SPECIALS
    picture = ("<|vision_start|>", *("<|image_pad|>",) * CELLS, "<|vision_end|>")
    lead = 1
    template = _TEMPLATE
    tower_parts = ("visual.",)

    def build(self) -> Any:
        """Return the model; more rows than tokens, as in the models the zoo imitates."""
        from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

        ids = self.vocabulary()
        config = Qwen2VLConfig(
            text_config={
                **language_settings(144),
                "rope_parameters": {**ROPE, "mrope_section": [4, 6, 6]},
            },
            vision_config={
                "depth": 3,
                "embed_dim": 64,
                "num_heads": 4,
                "mlp_ratio": 3,
                "patch_size": 8,
                "spatial_merge_size": 2,
                "temporal_patch_size": 2,
                "hidden_size": HIDDEN,
            },
            image_token_id=ids["<|image_pad|>"],
            video_token_id=ids["<|video_pad|>"],
            vision_start_token_id=ids["<|vision_start|>"],
            vision_end_token_id=ids["<|vision_end|>"],
            tie_word_embeddings=False,
            attn_implementation="eager",
        )
        return Qwen2VLForConditionalGeneration(config)

    def image_processor(self) -> Any:
        """Return the PIL one."""
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        return Qwen2VLImageProcessorPil(**_SETTINGS)

    def pixels(self, images: list[Image]) -> Tensor:
        """Return the patches of each picture."""
        values = super().pixels(images)
        return values.view(len(images), -1, values.shape[-1])

    def cells(self, model: Any, values: Tensor) -> Tensor:
        """Return the merged patches."""
        count = values.shape[0]
        grid = torch.tensor([[1, 6, 6]]).expand(count, 3)
        merged = model.model.visual(values.reshape(-1, values.shape[-1]), grid_thw=grid).pooler_output
        cells: Tensor = merged.view(count, CELLS, -1)
        return cells

    def read(self, model: Any, ids: Tensor, features: Tensor) -> Tensor:
        """Read with positions in three dimensions."""
        first = self.style.picture_start + self.lead
        positions = _positions(ids.shape[1], first=first).expand(3, ids.shape[0], -1)
        embedded = self.splice(model.get_input_embeddings()(ids), features)
        text = model.model.language_model
        hidden: Tensor = text(
            inputs_embeds=embedded, position_ids=positions, use_cache=False
        ).last_hidden_state
        return hidden

    def save_processor(self, folder: Path) -> None:
        """Write the processor's files."""
        self.save_tokenizer(folder)
        save_with_videos(
            folder,
            "Qwen2VL",
            image=_SETTINGS,
            video={**_SETTINGS, "max_frames": 768, "min_frames": 4},
            whole={},
        )


def save_with_videos(
    folder: Path, name: str, *, image: dict[str, Any], video: dict[str, Any], whole: dict[str, Any]
) -> None:
    """Write a processor that owns a video processor, for `AutoProcessor` and its older readers."""
    image = {**image, "image_processor_type": f"{name}ImageProcessor"}
    video = {
        **video,
        "do_sample_frames": False,
        "return_metadata": False,
        "video_processor_type": f"{name}VideoProcessor",
    }
    owner = {"processor_class": f"{name}Processor"}
    write_json(folder / "preprocessor_config.json", {**image, **owner})
    write_json(folder / "video_preprocessor_config.json", {**video, **owner})
    parts = {"image_processor": image, "video_processor": video}
    write_json(folder / "processor_config.json", {**whole, **owner, **parts})


def _positions(width: int, *, first: int) -> Tensor:
    """Return the three-dimensional positions of a row whose picture's nine tokens begin at `first`."""
    cells = torch.arange(CELLS)
    picture = first + torch.stack([torch.zeros_like(cells), cells // 3, cells % 3])
    before = torch.arange(first).expand(3, -1)
    after = (first + 3 + torch.arange(width - first - CELLS)).expand(3, -1)
    return torch.cat([before, picture, after], dim=1).unsqueeze(1)
