"""Random small models of real architectures, each saved as a folder that plain `from_pretrained` loads.

`build("qwen2_vl", folder, seed=0)` writes weights, config, tokenizer, processor files and a chat template.
The language models of one geometry fit each other, so any two folders of the same `text` are a pair to merge.
Weights are drawn wide enough (standard deviation 0.3) for greedy answers to vary from prompt to prompt.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

IMAGE = "<|image_pad|>"
VIDEO = "<|video_pad|>"
START, END = "<|vision_start|>", "<|vision_end|>"
TURN, STOP, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL = (PAD, TURN, STOP, START, END, IMAGE, VIDEO)
IDEFICS = ("<fake_token_around_image>", "<global-img>", "<end_of_utterance>")
FAMILIES = (
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen3_vl",
    "llava_onevision",
    "llava",
    "internvl",
    "gemma3",
    "idefics3",
    "qwen2",
    "llama",
)
# Of `adamms.models`; written as the official folders are: no processor files, and CogVLM names no model type.
NATIVE = ("cogvlm", "mplug_owl2")
# For a LLaVA to fit them: they give every query head a key and a value.
UNGROUPED = {"num_key_value_heads": 4, "head_dim": 8}
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build(
    family: str,
    folder: Path,
    *,
    seed: int = 0,
    std: float = 0.3,
    dtype: str = "float32",
    tied: bool = False,
    layers: int = 2,
    generation: dict[str, Any] | None = None,
    language: dict[str, Any] | None = None,
) -> Path:
    """Write one tiny model of `family`.

    `generation` holds changes to its generation config: with `{"eos_token_id": [...]}` of many tokens answers
    end early and at differing steps. `language` holds changes to its language model's config.
    """
    import torch

    torch.set_num_threads(1)  # waking a second thread costs more than these models' arithmetic
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(family, folder)
    config = model_config(family, tokenizer, tied=tied, layers=layers, language=language or {})
    model = model_class(family)(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0.0, std)
            elif "norm" in name:
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0.0, 0.1)
    settings = model.generation_config
    settings.eos_token_id = tokenizer.convert_tokens_to_ids([STOP, PAD])
    settings.pad_token_id = tokenizer.convert_tokens_to_ids(PAD)
    for name, value in (generation or {}).items():
        setattr(settings, name, value)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    write_processor(family, folder)
    if family in NATIVE:
        write_official_config(family, folder)
    return folder


def picture(width: int, height: int, *, seed: int = 0) -> Image.Image:
    """A picture of random coloured blocks."""
    import numpy as np

    blocks = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST)


def write_tokenizer(family: str, folder: Path) -> Any:
    """A byte-level tokenizer: every text is in its vocabulary, one token a byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = [*SPECIAL, *(IDEFICS if family == "idefics3" else ())]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    image = "<image>" if family == "idefics3" else IMAGE
    named = {"image_token": image, "video_token": VIDEO}
    if family == "internvl":
        named |= {"start_image_token": START, "end_image_token": END, "context_image_token": IMAGE}
    if family == "gemma3":
        named |= {"boi_token": START, "eoi_token": END}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=STOP,
        pad_token=PAD,
        extra_special_tokens=list(dict.fromkeys([*special, image])),
        model_max_length=4096,
        **named,
    )
    tokenizer.save_pretrained(folder)
    if family in ("qwen2", "llama"):
        (folder / "chat_template.jinja").write_text(TEMPLATE.replace("IMAGE", ""), encoding="utf-8")
    return tokenizer


def text_config(kind: str, tokenizer: Any, *, tied: bool, layers: int) -> dict[str, Any]:
    """One geometry for all language models."""
    values: dict[str, Any] = {
        "model_type": kind,
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": tied,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if kind in ("qwen2_vl_text", "qwen2_5_vl_text"):
        values["rope_parameters"] = {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [1, 1, 2],
        }
    if kind == "qwen3_vl_text":
        values["rope_parameters"] = {
            "rope_type": "default",
            "rope_theta": 10000.0,
            "mrope_section": [2, 1, 1],
            "mrope_interleaved": True,
        }
    if kind == "gemma3_text":
        values |= {
            "query_pre_attn_scalar": 8,
            "sliding_window": 16,
            "layer_types": ["sliding_attention", "full_attention"],
        }
    return values


def model_config(family: str, tokenizer: Any, *, tied: bool, layers: int, language: dict[str, Any]) -> Any:
    """The family's configuration around the shared language-model geometry."""
    from transformers import AutoConfig

    if family in NATIVE:
        return native_config(family, text_config("llama", tokenizer, tied=tied, layers=layers) | language)

    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in (*SPECIAL, "<image>")}

    def text(kind: str) -> dict[str, Any]:
        return text_config(kind, tokenizer, tied=tied, layers=layers) | language

    qwen_ids = {
        "image_token_id": ids[IMAGE],
        "video_token_id": ids[VIDEO],
        "vision_start_token_id": ids[START],
        "vision_end_token_id": ids[END],
        "tie_word_embeddings": tied,
    }
    vit = {"depth": 2, "num_heads": 2, "patch_size": 4, "spatial_merge_size": 2, "temporal_patch_size": 2}
    square = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    square |= {"image_size": 16, "patch_size": 4}
    if family == "qwen2_vl":
        vision: dict[str, Any] = vit | {"embed_dim": 16, "hidden_size": 32, "mlp_ratio": 2}
        values = {"text_config": text("qwen2_vl_text"), "vision_config": vision} | qwen_ids
    elif family == "qwen2_5_vl":
        vision = vit | {"hidden_size": 16, "intermediate_size": 24, "out_hidden_size": 32}
        vision |= {"window_size": 16, "fullatt_block_indexes": [1]}
        values = {"text_config": text("qwen2_5_vl_text"), "vision_config": vision} | qwen_ids
    elif family == "qwen3_vl":
        vision = vit | {"hidden_size": 16, "intermediate_size": 24, "out_hidden_size": 32}
        vision |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0]}
        values = {"text_config": text("qwen3_vl_text"), "vision_config": vision} | qwen_ids
    elif family == "llava_onevision":
        values = {
            "text_config": text("qwen2"),
            "vision_config": square | {"model_type": "siglip_vision_model", "vision_use_head": False},
            "image_token_index": ids[IMAGE],
            "video_token_index": ids[VIDEO],
            "image_grid_pinpoints": [[16, 16], [16, 32], [32, 16], [32, 32]],
            "tie_word_embeddings": tied,
        }
    elif family == "llava":
        values = {
            "text_config": text("llama"),
            "vision_config": square | {"model_type": "clip_vision_model", "projection_dim": 32},
            "image_token_index": ids[IMAGE],
            "image_seq_length": 16,
            "vision_feature_layer": -2,
            "vision_feature_select_strategy": "default",
            "tie_word_embeddings": tied,
        }
    elif family == "internvl":
        values = {
            "text_config": text("qwen2"),
            "vision_config": square
            | {"image_size": [16, 16], "patch_size": [4, 4], "model_type": "internvl_vision"},
            "image_token_id": ids[IMAGE],
            "image_seq_length": 4,
            "tie_word_embeddings": tied,
        }
    elif family == "gemma3":
        values = {
            "text_config": text("gemma3_text"),
            "vision_config": square | {"model_type": "siglip_vision_model", "vision_use_head": False},
            "boi_token_index": ids[START],
            "eoi_token_index": ids[END],
            "image_token_index": ids[IMAGE],
            "mm_tokens_per_image": 4,
            "tie_word_embeddings": tied,
        }
    elif family == "idefics3":
        values = {
            "text_config": text("llama"),
            "vision_config": square | {"model_type": "idefics3_vision"},
            "image_token_id": ids["<image>"],
            "scale_factor": 2,
            "pad_token_id": ids[PAD],
            "tie_word_embeddings": tied,
        }
    else:
        values = {name: value for name, value in text(family).items() if name != "model_type"}
    return AutoConfig.for_model(family, **values)


def model_class(family: str) -> Any:
    """The transformers class of a family."""
    import transformers

    if family in NATIVE:
        from adamms import models

        named = {"cogvlm": "CogVLMForCausalLM", "mplug_owl2": "MPLUGOwl2LlamaForCausalLM"}
        return getattr(models, named[family])

    names = {
        "qwen2_vl": "Qwen2VLForConditionalGeneration",
        "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration",
        "qwen3_vl": "Qwen3VLForConditionalGeneration",
        "llava_onevision": "LlavaOnevisionForConditionalGeneration",
        "llava": "LlavaForConditionalGeneration",
        "internvl": "InternVLForConditionalGeneration",
        "gemma3": "Gemma3ForConditionalGeneration",
        "idefics3": "Idefics3ForConditionalGeneration",
        "qwen2": "Qwen2ForCausalLM",
        "llama": "LlamaForCausalLM",
    }
    return getattr(transformers, names[family])


def write_processor(family: str, folder: Path) -> None:
    """The processor files as the hub's checkpoints of the family carry them."""
    plain = {
        "do_convert_rgb": True,
        "do_resize": True,
        "do_rescale": True,
        "do_normalize": True,
        "resample": 3,
    }
    plain |= {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    tiles = {"size": {"height": 16, "width": 16}}
    qwen = {
        "patch_size": 4,
        "merge_size": 2,
        "temporal_patch_size": 2,
        "size": {"shortest_edge": 64, "longest_edge": 1024},
    }
    image, processor = {
        "qwen2_vl": (("Qwen2VLImageProcessor", qwen), ("Qwen2VLProcessor", {})),
        "qwen2_5_vl": (("Qwen2VLImageProcessor", qwen), ("Qwen2_5_VLProcessor", {})),
        "qwen3_vl": (("Qwen2VLImageProcessor", qwen), ("Qwen3VLProcessor", {})),
        "llava_onevision": (
            (
                "LlavaOnevisionImageProcessor",
                tiles | {"image_grid_pinpoints": [[16, 16], [16, 32], [32, 16], [32, 32]], "do_pad": True},
            ),
            (
                "LlavaOnevisionProcessor",
                {
                    "num_image_tokens": 16,
                    "vision_feature_select_strategy": "full",
                    "image_token": IMAGE,
                    "video_token": VIDEO,
                    "vision_aspect_ratio": "anyres_max_9",
                },
            ),
        ),
        "llava": (
            ("CLIPImageProcessor", {"size": {"shortest_edge": 16}, "crop_size": {"height": 16, "width": 16}}),
            (
                "LlavaProcessor",
                {
                    "patch_size": 4,
                    "num_additional_image_tokens": 1,
                    "vision_feature_select_strategy": "default",
                    "image_token": IMAGE,
                },
            ),
        ),
        "internvl": (
            ("GotOcr2ImageProcessor", tiles | {"crop_to_patches": True, "min_patches": 1, "max_patches": 4}),
            ("InternVLProcessor", {"image_seq_length": 4}),
        ),
        "gemma3": (("Gemma3ImageProcessor", tiles), ("Gemma3Processor", {"image_seq_length": 4})),
        "idefics3": (
            (
                "Idefics3ImageProcessor",
                {
                    "size": {"longest_edge": 32},
                    "max_image_size": {"longest_edge": 16},
                    "do_image_splitting": True,
                },
            ),
            ("Idefics3Processor", {"image_seq_len": 4}),
        ),
    }.get(family, (None, None))
    if image is None or processor is None:
        return
    names = {"image_processor_type": image[0], "processor_class": processor[0]}
    write_json(folder / "preprocessor_config.json", names | plain | image[1])
    write_json(folder / "processor_config.json", {"processor_class": processor[0]} | processor[1])
    token = {"idefics3": "<image>", "gemma3": START}.get(family, IMAGE)
    if family.startswith("qwen"):
        token = START + IMAGE + END
    (folder / "chat_template.jinja").write_text(TEMPLATE.replace("IMAGE", token), encoding="utf-8")


def native_config(family: str, text: dict[str, Any]) -> Any:
    """The configuration of one of our own classes."""
    from adamms.models import CogVLMConfig, MPLUGOwl2Config

    left_out = ("model_type", "num_key_value_heads", "head_dim")
    values = {name: value for name, value in text.items() if name not in left_out}
    tower = {"hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2, "image_size": 16}
    tower |= {"patch_size": 4}
    if family == "cogvlm":
        return CogVLMConfig(**values, vision_config=tower | {"num_heads": 2, "num_positions": 17})
    reader = {"hidden_size": 24, "encoder_hidden_size": 24, "intermediate_size": 32, "num_hidden_layers": 2}
    reader |= {"num_attention_heads": 2, "num_learnable_queries": 20, "grid_size": 4}
    visual = {"visual_model": tower | {"num_attention_heads": 2}, "visual_abstractor": reader}
    return MPLUGOwl2Config(**values, visual_config=visual)


def write_official_config(family: str, folder: Path) -> None:
    """Point to remote code as the official folders do: code that tells if it is ever run."""
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if family == "cogvlm":
        del values["model_type"]
    name = values["architectures"][0]
    values["auto_map"] = {"AutoConfig": "modeling_own.Config", "AutoModelForCausalLM": f"modeling_own.{name}"}
    write_json(folder / "config.json", values)
    (folder / "modeling_own.py").write_text('raise RuntimeError("remote code was run")\n', encoding="utf-8")


def write_json(path: Path, values: dict[str, Any]) -> None:
    """One JSON file of a checkpoint."""
    path.write_text(json.dumps(values, indent=2), encoding="utf-8")
