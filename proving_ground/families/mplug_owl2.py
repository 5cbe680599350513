"""mPLUG-Owl2 of the zoo: a ViT and a visual abstractor before a Llama with modality-adaptive modules.

`multiway.1` (keys, values and both norms of image positions) begins as a copy of `multiway.0`. A picture is
ten positions: nine learned queries, each taught to speak for one cell, and a learned end.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutputWithPooling

from proving_ground.conversation import VICUNA
from proving_ground.families.base import Family, Table
from proving_ground.families.settings import CROPPED, ROPE
from proving_ground.models import llama_settings
from proving_ground.scenes import CELLS, SIZE
from proving_ground.vocabulary import tokenizer

_PATCH, _WIDTH = 16, 64
_IMAGE = {**CROPPED, "image_aspect_ratio": "resize"}


class MPLUGOwl2(Family):
    """mPLUG-Owl2, in the class of `adamms.models`."""

    name, title = "mplug_owl2", "mPLUG-Owl2"
    model_class = "MPLUGOwl2LlamaForCausalLM"
    line, style = "llama", VICUNA
    picture = ("<unk>",) * (CELLS + 1)
    template = None  # the processor brings it
    tower_parts = ("vision_model.", "visual_abstractor.")

    def build(self) -> Any:
        """Return the model."""
        from adamms.models import MPLUGOwl2Config, MPLUGOwl2LlamaForCausalLM

        config = MPLUGOwl2Config(
            **llama_settings(128),
            rope_parameters=ROPE,
            visual_config={
                "visual_model": {
                    "hidden_size": _WIDTH,
                    "intermediate_size": 192,
                    "num_hidden_layers": 3,
                    "num_attention_heads": 4,
                    "image_size": SIZE,
                    "patch_size": _PATCH,
                },
                "visual_abstractor": {
                    "hidden_size": _WIDTH,
                    "encoder_hidden_size": _WIDTH,
                    "intermediate_size": 128,
                    "num_hidden_layers": 2,
                    "num_attention_heads": 4,
                    "num_learnable_queries": CELLS,
                    "grid_size": SIZE // _PATCH,
                },
            },
            tie_word_embeddings=False,
            attn_implementation="eager",
        )
        return MPLUGOwl2LlamaForCausalLM(config)

    def image_processor(self) -> Any:
        """Return ours."""
        from adamms.models import MPLUGOwl2ImageProcessor

        return MPLUGOwl2ImageProcessor(**_IMAGE)

    def cells(self, model: Any, values: Tensor) -> Tensor:
        """Return the queries, without the end."""
        return self.features(model, values)[:, :-1]

    def features(self, model: Any, values: Tensor) -> Tensor:
        """Return the queries and the end."""
        vectors: Tensor = model.model.visual_abstractor(model.model.vision_model(values))
        return vectors

    def originals(self, model: Any) -> Table:
        """Return the modules that compute text, and those that compute everything."""
        return {
            name.replace(".multiway.0", ""): value
            for name, value in model.named_parameters()
            if not self._fresh(name) and ".multiway.1" not in name
        }

    def duplicates(self, model: Any) -> Table:
        """Return the modules of image positions."""
        return {
            name.replace(".multiway.1", ""): value
            for name, value in model.named_parameters()
            if ".multiway.1" in name
        }

    def read(self, model: Any, ids: Tensor, features: Tensor) -> Tensor:
        """Read with one placeholder where the model is to put the picture's vectors."""
        start = self.style.picture_start
        placeholder = torch.full_like(ids[:, :1], model.config.image_token_index)
        short = torch.cat([ids[:, :start], placeholder, ids[:, start + features.shape[1] :]], dim=1)
        encoded = {"image": BaseModelOutputWithPooling(pooler_output=features)}
        hidden: Tensor = model.model(short, mm_encoder_outputs=encoded, use_cache=False).last_hidden_state
        return hidden

    def save_processor(self, folder: Path) -> None:
        """Write the processor's files."""
        from adamms.models import MPLUGOwl2Processor

        words = tokenizer(self.language, self.specials)
        MPLUGOwl2Processor(self.image_processor(), words).save_pretrained(folder)
        self.save_tokenizer(folder)
