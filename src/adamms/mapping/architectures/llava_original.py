"""What the LLaVA code base stores, for the models that transformers has under another layout.

LLaVA-1.5 (liuhaotian), ShareGPT4V and LLaVA-OneVision (lmms-lab) map by the table of Llama-style decoders;
to run, they are loaded into transformers' own classes. Declared here: which class, how each name translates,
and the conversation each was tuned with. Nothing here reads a file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMES = (
    (r"^model\.(embed_tokens|layers|norm)\.", r"model.language_model.\1."),
    (r"^model\.mm_projector\.0\.", "model.multi_modal_projector.linear_1."),
    (r"^model\.mm_projector\.2\.", "model.multi_modal_projector.linear_2."),
    (r"^model\.vision_tower\.vision_tower\.(vision_model\.)?", "model.vision_tower."),
)
"""(regular expression, replacement): a name on disk to transformers' name in memory; others are the same."""

IGNORED = r"rotary_emb\.inv_freq$|\.position_ids$|^model\.vision_tower\..*\.head\."
"""Names on disk that no parameter of transformers' classes corresponds to."""

TOWER = "model.vision_tower."
"""What the vision tower's names begin with, on disk and in memory."""

TOWER_HEADS = {
    "clip-vit-large-patch14-336": 16,
    "clip-vit-large-patch14": 16,
    "siglip-so400m-patch14-384": 16,
}
"""Attention heads of known towers, by the end of their names: the one thing that shapes do not tell."""

_USER = (
    "{%- macro asked(content) -%}{%- if content is string -%}{{ content }}{%- else -%}"
    "{%- set shown = content | selectattr('type', 'equalto', 'image') | list -%}"
    "{%- if shown -%}{{ (['IMAGE'] * (shown | length)) | join(' ') + '\n' }}{%- endif -%}"
    "{{ content | selectattr('type', 'equalto', 'text') | map(attribute='text') | join('') }}"
    "{%- endif -%}{%- endmacro -%}"
)
VICUNA = _USER + (
    "{{ 'A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user\\'s questions.' }}"
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}{{ ' USER: ' + asked(message['content']) }}"
    "{%- else -%}{{ ' ASSISTANT: ' + asked(message['content']) + '</s>' }}{%- endif -%}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ ' ASSISTANT:' }}{%- endif -%}"
)
QWEN = _USER + (
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}"
    "{%- for message in messages -%}"
    "{{ '<|im_start|>' + message['role'] + '\n' + asked(message['content']) + '<|im_end|>\n' }}"
    "{%- endfor -%}{%- if add_generation_prompt -%}{{ '<|im_start|>assistant\n' }}{%- endif -%}"
)


@dataclass(frozen=True)
class Stored:
    """One class of the LLaVA code base and what it is to transformers.

    Attributes:
        model_type: transformers' model type.
        model_class: transformers' class.
        language: the model type of the language model.
        tower: the model type of the vision tower.
        merge: what `mm_patch_merge_type` begins with.
        template: the conversation, as jinja; `IMAGE` stands for the image token.
    """

    model_type: str
    model_class: str
    language: str
    tower: str
    merge: str
    template: str


LLAVA = Stored(
    "llava", "LlavaForConditionalGeneration", "llama", "clip_vision_model", merge="flat", template=VICUNA
)
ONEVISION = Stored(
    "llava_onevision",
    "LlavaOnevisionForConditionalGeneration",
    "qwen2",
    "siglip_vision_model",
    merge="spatial_unpad",
    template=QWEN,
)
CLASSES = {
    "LlavaLlamaForCausalLM": LLAVA,
    "Share4VLlamaForCausalLM": LLAVA,
    "LlavaQwenForCausalLM": ONEVISION,
}


def stored(config: Mapping[str, Any]) -> Stored | None:
    """Which class of the LLaVA code base a config.json is of, None for any other."""
    named = config.get("architectures")
    if not isinstance(named, list) or not any(key.startswith("mm_") for key in config):
        return None
    return next((CLASSES[name] for name in named if name in CLASSES), None)
