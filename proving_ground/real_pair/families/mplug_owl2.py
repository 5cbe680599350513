"""mPLUG-Owl2 around SmolLM2 and DINOv2: the architecture with duplicates."""

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from proving_ground.real_pair.families.base import Family, Pieces, finished
from proving_ground.real_pair.llama import PICTURE, WIDTH, Weights
from proving_ground.real_pair.towers import CELLS, MEAN, PATCH, SIDE, STD, mplug_owl2_names
from proving_ground.real_pair.towers import WIDTH as SEEN


class MPLUGOwl2(Family):
    """Our `MPLUGOwl2LlamaForCausalLM`: queries; keys, values and norms of pictures are copies."""

    name, title = "mplug_owl2", "mPLUG-Owl2"
    queries = 32
    positions = queries + 1
    pieces = Pieces("<|im_start|>USER: ", "", "{}\nASSISTANT:\n")
    without = Pieces("<|im_start|>USER: ", "", "{}\nASSISTANT:\n")
    two_way = True

    def _abstractor(self) -> dict[str, Any]:
        return {
            "hidden_size": SEEN,
            "encoder_hidden_size": SEEN,
            "intermediate_size": 1024,
            "num_hidden_layers": 2,
            "num_attention_heads": 6,
            "num_learnable_queries": self.queries,
            "grid_size": CELLS,
        }

    def projector(self) -> nn.Module:
        """Return the abstractor, as the class begins it."""
        from adamms.models.mplug_owl2.abstractor import MPLUGOwl2Abstractor
        from adamms.models.mplug_owl2.configuration import MPLUGOwl2AbstractorConfig

        config = MPLUGOwl2AbstractorConfig(**self._abstractor())
        config._attn_implementation = "sdpa"
        abstractor: nn.Module = MPLUGOwl2Abstractor(config, WIDTH)
        for parameter in (abstractor.query_embeds, abstractor.vit_eos):
            nn.init.normal_(parameter, std=0.02)  # type: ignore[arg-type]
        return abstractor

    def seen(self, raw: Tensor, normed: Tensor) -> Tensor:
        """Return all tokens after the last norm."""
        return normed

    def assemble(self, weights: Weights, projector: nn.Module, tower: Any, language: Any) -> Any:
        """Return the whole model."""
        from adamms.models import MPLUGOwl2Config, MPLUGOwl2LlamaForCausalLM

        text = {
            name: value
            for name, value in language.config.to_dict().items()
            if name not in ("architectures", "model_type", "dtype", "transformers_version", "_name_or_path")
        }
        vision = {
            "hidden_size": SEEN,
            "intermediate_size": 4 * SEEN,
            "num_hidden_layers": 12,
            "num_attention_heads": 6,
            "image_size": SIDE,
            "patch_size": PATCH,
            "hidden_act": "gelu",
        }
        visual = {"visual_model": vision, "visual_abstractor": self._abstractor()}
        model = MPLUGOwl2LlamaForCausalLM(MPLUGOwl2Config(**{**text, "visual_config": visual}))
        table = {
            **{f"vision_model.{name}": value for name, value in mplug_owl2_names(tower).items()},
            **{f"visual_abstractor.{name}": value for name, value in projector.state_dict().items()},
        }
        for name, value in weights.items():
            table[two_way_name(name).removeprefix("model.")] = value
        missing, unexpected = model.model.load_state_dict(table, strict=False)
        assert not unexpected and all("inv_freq" in name for name in missing), (missing, unexpected)
        return finished(model)

    def save_processor(self, folder: Path, tokenizer: Any) -> None:
        """Write an `MPLUGOwl2Processor`'s files."""
        from adamms.models import MPLUGOwl2ImageProcessor, MPLUGOwl2Processor

        size = {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE}}
        pictures = MPLUGOwl2ImageProcessor(
            **size, image_mean=list(MEAN), image_std=list(STD), image_aspect_ratio="resize"
        )
        template = (
            "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
            "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
            "{% for part in message['content'] %}"
            "{{ '<|image|>' if part['type'] == 'image' else part['text'] }}{% endfor %}{% endif %}"
            "{{ '\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:\n' }}{% endif %}"
        )
        MPLUGOwl2Processor(pictures, tokenizer, chat_template=template).save_pretrained(folder)


def two_way_name(name: str) -> str:
    """Return mPLUG-Owl2's name of a weight; what is single keeps its own."""
    plain = name.removesuffix(PICTURE)
    copy = 1 if name.endswith(PICTURE) else 0
    if any(part in plain for part in ("k_proj", "v_proj", "layernorm")):
        return plain.replace(".weight", f".multiway.{copy}.weight")
    return plain


def with_copies(weights: Weights) -> dict[str, Tensor]:
    """Return the weights with copies for the positions of pictures, as mPLUG-Owl2 begins."""
    copied = ("k_proj", "v_proj", "layernorm")
    twice = {f"{n}{PICTURE}": v.clone() for n, v in weights.items() if any(part in n for part in copied)}
    return {**weights, **twice}
