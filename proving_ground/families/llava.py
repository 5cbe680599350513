"""LLaVA-1.5 of the zoo: a CLIP tower, read before its last layer, before a Llama; nine tokens a picture."""

from pathlib import Path
from typing import Any

from torch import Tensor

from proving_ground.conversation import VICUNA
from proving_ground.families.base import Family, write_json
from proving_ground.families.settings import CROPPED, ROPE
from proving_ground.models import llama_settings
from proving_ground.scenes import CELLS, SIZE

# llava-hf's own, but for the white space that the zoo's tokenizers drop.
_TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] != 'system' %}{{ message['role'].upper() + ': ' }}{% endif %}"
    "{% if message['content'] is string %}{{ message['content'] + ' ' }}"
    "{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] + ' ' }}{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
_PATCH = 16


class Llava(Family):
    """LLaVA-1.5, in transformers' own class."""

    name, title = "llava", "LLaVA-1.5"
    model_class = "LlavaForConditionalGeneration"
    line, style = "llama", VICUNA
    specials = ("<image>", "<pad>")
    picture = ("<image>",) * CELLS
    template = _TEMPLATE
    tower_parts = ("vision_tower.", "projector")

    def build(self) -> Any:
        """Return the model: a few rows more than the language model's, as llava-hf's have."""
        from transformers import LlavaConfig, LlavaForConditionalGeneration

        config = LlavaConfig(
            text_config={
                "model_type": "llama",
                **llama_settings(136),
                "rope_parameters": ROPE,
                "tie_word_embeddings": False,
            },
            vision_config={
                "model_type": "clip_vision_model",
                "hidden_size": 80,
                "intermediate_size": 192,
                "num_hidden_layers": 4,
                "num_attention_heads": 4,
                "image_size": SIZE,
                "patch_size": _PATCH,
                "projection_dim": 80,
            },
            image_token_index=self.vocabulary()["<image>"],
            image_seq_length=CELLS,
            vision_feature_layer=-2,
            vision_feature_select_strategy="default",
            tie_word_embeddings=False,
            attn_implementation="eager",
        )
        return LlavaForConditionalGeneration(config)

    def image_processor(self) -> Any:
        """Return the PIL one."""
        from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

        return CLIPImageProcessorPil(**CROPPED)

    def cells(self, model: Any, values: Tensor) -> Tensor:
        """Return the projected patches of the last layer but one, without the class token."""
        tower = model.model.vision_tower(values, output_hidden_states=True)
        cells: Tensor = model.model.multi_modal_projector(tower.hidden_states[-2][:, 1:])
        return cells

    def save_processor(self, folder: Path) -> None:
        """Write the processor's files."""
        self.save_tokenizer(folder)
        owner = {"processor_class": "LlavaProcessor"}
        image = {**CROPPED, "image_processor_type": "CLIPImageProcessor"}
        config = {
            "image_token": "<image>",
            "num_additional_image_tokens": 1,
            "patch_size": _PATCH,
            "vision_feature_select_strategy": "default",
        }
        write_json(folder / "preprocessor_config.json", {**image, **owner})
        write_json(folder / "processor_config.json", {**config, **owner, "image_processor": image})
