"""LLaVA around SmolLM2 and DINOv2."""

from pathlib import Path
from typing import Any

from torch import nn

from proving_ground.real_pair.families.base import PICTURE_ID, PICTURE_TOKEN, Family, Pieces, with_language
from proving_ground.real_pair.families.processors import CHATML, image_settings, save_processor_files
from proving_ground.real_pair.llama import WIDTH, Weights
from proving_ground.real_pair.towers import PATCH, TOKENS
from proving_ground.real_pair.towers import WIDTH as SEEN


class Llava(Family):
    """`LlavaForConditionalGeneration`: all 65 tokens of DINOv2 before its last norm, two layers between."""

    name, title = "llava", "LLaVA"
    positions = TOKENS
    pieces = Pieces("<|im_start|>user\n", "\n", "{}<|im_end|>\n<|im_start|>assistant\n")
    without = Pieces("<|im_start|>user\n", "", "{}<|im_end|>\n<|im_start|>assistant\n")

    def _config(self, text: Any, vision: Any) -> Any:
        from transformers import LlavaConfig

        return LlavaConfig(
            text_config=text,
            vision_config=vision,
            image_token_index=PICTURE_ID,
            image_seq_length=TOKENS,
            projector_hidden_act="gelu",
            vision_feature_select_strategy="full",
            vision_feature_layer=-1,
            tie_word_embeddings=True,
        )

    def projector(self) -> nn.Module:
        """Return linear, gelu, linear."""
        from transformers import Dinov2Config, LlamaConfig
        from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

        config = self._config(LlamaConfig(hidden_size=WIDTH), Dinov2Config(hidden_size=SEEN))
        projector: nn.Module = LlavaMultiModalProjector(config)
        return projector

    def assemble(self, weights: Weights, projector: nn.Module, tower: Any, language: Any) -> Any:
        """Return the whole model."""
        from transformers import LlavaForConditionalGeneration

        model = LlavaForConditionalGeneration(self._config(language.config, tower.config))
        model.model.vision_tower.load_state_dict(tower.state_dict())
        model.model.multi_modal_projector.load_state_dict(projector.state_dict())
        return with_language(model, model.model.language_model, weights)

    def save_processor(self, folder: Path, tokenizer: Any) -> None:
        """Write a `LlavaProcessor`'s files."""
        template = CHATML.replace("IMAGE", f"{PICTURE_TOKEN}\n")
        settings = {
            "processor_class": "LlavaProcessor",
            "image_token": PICTURE_TOKEN,
            "patch_size": PATCH,
            "vision_feature_select_strategy": "full",
            "num_additional_image_tokens": 1,
        }
        save_processor_files(
            folder,
            tokenizer,
            template=template,
            processor=settings,
            image=image_settings("CLIPImageProcessor"),
        )
