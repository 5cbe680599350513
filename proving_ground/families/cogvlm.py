"""CogVLM of the zoo: a small EVA tower before a Llama whose every layer has a visual expert.

The experts begin as copies of the language weights. A picture is eleven positions, its nine patches between
a learned begin and a learned end; the patches share one rotary position, as in the real one.
"""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from proving_ground.conversation import COGVLM
from proving_ground.families.base import Family, Table
from proving_ground.families.settings import IMAGES, ROPE, SQUARE
from proving_ground.models import llama_settings
from proving_ground.scenes import CELLS, SIZE
from proving_ground.vocabulary import tokenizer

_PATCH = 16
_EXPERTS = {"language": "mlp.language_mlp", "vision": "mlp.vision_mlp"}


class CogVLM(Family):
    """CogVLM, in the class of `adamms.models`."""

    name, title = "cogvlm", "CogVLM"
    model_class = "CogVLMForCausalLM"
    line, style = "llama", COGVLM
    picture = ("<unk>",) * (CELLS + 2)
    template = None  # the processor brings it
    tower_parts = ("model.vision.",)

    def build(self) -> Any:
        """Return the model."""
        from adamms.models import CogVLMConfig, CogVLMForCausalLM

        config = CogVLMConfig(
            **llama_settings(128),
            rope_parameters=ROPE,
            vision_config={
                "hidden_size": 64,
                "intermediate_size": 192,
                "num_hidden_layers": 3,
                "num_heads": 4,
                "image_size": SIZE,
                "patch_size": _PATCH,
                "num_positions": CELLS + 1,
            },
            tie_word_embeddings=False,
            attn_implementation="eager",
        )
        return CogVLMForCausalLM(config)

    def image_processor(self) -> Any:
        """Return ours."""
        from adamms.models import CogVLMImageProcessor

        return CogVLMImageProcessor(**IMAGES, size=SQUARE)

    def cells(self, model: Any, values: Tensor) -> Tensor:
        """Return the patches, without begin and end."""
        return self.features(model, values)[:, 1:-1]

    def features(self, model: Any, values: Tensor) -> Tensor:
        """Return begin, patches, end."""
        vectors: Tensor = model.model.vision(values).pooler_output
        return vectors

    def originals(self, model: Any) -> Table:
        """Return the language experts, their fused projections taken apart, and the norms."""
        kept = ("layernorm", "model.norm", "embed_tokens", "lm_head")
        parameters = {name: value for name, value in model.named_parameters() if not self._fresh(name)}
        table = {name: value for name, value in parameters.items() if any(part in name for part in kept)}
        return {**table, **_experts(parameters, "language")}

    def duplicates(self, model: Any) -> Table:
        """Return the visual experts."""
        return _experts(dict(model.named_parameters()), "vision")

    def read(self, model: Any, ids: Tensor, features: Tensor) -> Tensor:
        """Read with the picture's positions marked."""
        marks = torch.zeros_like(ids)
        start = self.style.picture_start
        marks[:, start : start + features.shape[1]] = 1
        embedded = self.splice(model.get_input_embeddings()(ids), features)
        hidden: Tensor = model.model(
            inputs_embeds=embedded, token_type_ids=marks, use_cache=False
        ).last_hidden_state
        return hidden

    def save_processor(self, folder: Path) -> None:
        """Write the processor's files."""
        from adamms.models import CogVLMProcessor

        words = tokenizer(self.language, self.specials)
        CogVLMProcessor(self.image_processor(), words, patch_size=_PATCH).save_pretrained(folder)
        self.save_tokenizer(folder)


def _experts(parameters: dict[str, Any], kind: str) -> Table:
    """Return one kind of expert of every layer under a Llama's names."""
    table: Table = {}
    for name, value in parameters.items():
        if f"{kind}_expert_query_key_value" in name:
            stem = name.split(f"{kind}_expert")[0]
            parts = value.chunk(3)
            table |= {f"{stem}{part}_proj.weight": rows for part, rows in zip("qkv", parts, strict=True)}
        elif f"{kind}_expert_dense" in name:
            table[name.replace(f"{kind}_expert_dense", "o_proj")] = value
        elif _EXPERTS[kind] in name:
            table[name.replace(_EXPERTS[kind], "mlp")] = value
    return table
