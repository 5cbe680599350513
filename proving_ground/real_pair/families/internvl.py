"""InternVL around SmolLM2 and DINOv2."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from proving_ground.real_pair.families.base import PICTURE_ID, PICTURE_TOKEN, Family, Pieces, with_language
from proving_ground.real_pair.families.processors import CHATML, image_settings, save_processor_files
from proving_ground.real_pair.llama import WIDTH, Weights
from proving_ground.real_pair.towers import CELLS, PATCH, TOKENS, internvl_names
from proving_ground.real_pair.towers import WIDTH as SEEN

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"


class InternVL(Family):
    """`InternVLForConditionalGeneration`: 16 vectors of four cells each, after the last norm."""

    name, title = "internvl", "InternVL"
    positions = TOKENS // 4
    pieces = Pieces(
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n<jupyter_start>",
        "<jupyter_output>\n",
        "{}<|im_end|>\n<|im_start|>assistant\n",
    )
    without = Pieces(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n", "", pieces.ask)

    def _config(self, text: Any, eps: float) -> Any:
        from transformers import InternVLConfig, InternVLVisionConfig

        vision = InternVLVisionConfig(
            hidden_size=SEEN,
            num_hidden_layers=12,
            num_attention_heads=6,
            intermediate_size=4 * SEEN,
            hidden_act="gelu",
            attention_bias=True,
            use_qk_norm=False,
            norm_type="layer_norm",
            layer_norm_eps=eps,
            image_size=[518, 518],
            patch_size=[PATCH, PATCH],
            use_mean_pooling=False,
            use_mask_token=False,
        )
        return InternVLConfig(
            text_config=text,
            vision_config=vision,
            image_token_id=PICTURE_ID,
            image_seq_length=self.positions,
            downsample_ratio=0.5,
            tie_word_embeddings=True,
        )

    def projector(self) -> nn.Module:
        """Return a norm, linear, gelu, linear."""
        from transformers import LlamaConfig
        from transformers.models.internvl.modeling_internvl import InternVLMultiModalProjector

        projector: nn.Module = InternVLMultiModalProjector(self._config(LlamaConfig(hidden_size=WIDTH), 1e-6))
        return projector

    def seen(self, raw: Tensor, normed: Tensor) -> Tensor:
        """Return squares of four cells side by side, as the class's `pixel_shuffle` does."""
        from transformers.models.internvl.modeling_internvl import InternVLModel

        cells = normed[:, 1:].unflatten(1, (CELLS, CELLS))
        shuffled: Tensor = InternVLModel.pixel_shuffle(None, cells, 0.5)
        return shuffled.flatten(1, 2)

    def assemble(self, weights: Weights, projector: nn.Module, tower: Any, language: Any) -> Any:
        """Return the whole model."""
        from transformers import InternVLForConditionalGeneration

        config = self._config(language.config, tower.config.layer_norm_eps)
        model = InternVLForConditionalGeneration(config)
        model.model.vision_tower.load_state_dict(internvl_names(tower))
        model.model.multi_modal_projector.load_state_dict(projector.state_dict())
        return with_language(model, model.model.language_model, weights)

    def save_processor(self, folder: Path, tokenizer: Any) -> None:
        """Write an `InternVLProcessor`'s files."""
        system = (
            "{% if messages[0]['role'] != 'system' %}<|im_start|>system\n"
            + SYSTEM
            + "<|im_end|>\n{% endif %}"
        )
        tokens = {
            "start_image_token": "<jupyter_start>",
            "end_image_token": "<jupyter_output>",
            "context_image_token": PICTURE_TOKEN,
            "video_token": "<jupyter_text>",
        }
        save_processor_files(
            folder,
            tokenizer,
            template=system + CHATML.replace("IMAGE", f"{PICTURE_TOKEN}\n"),
            processor={"processor_class": "InternVLProcessor", "image_seq_length": self.positions},
            image={**image_settings("GotOcr2ImageProcessor"), "crop_to_patches": False},
            tokens=tokens,
        )
