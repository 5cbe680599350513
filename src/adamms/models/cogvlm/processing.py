"""CogVLM's inputs: an image squashed to a square, a prompt in one of three templates, token types.

A conversation is `[BOS][image block][text]` with one image at most. The block holds pad ids of token type 1,
one for each patch and one each for the learned begin and end; the text that a chat template renders does not
mention the image at all.
"""

# mypy: disallow-subclassing-any=False

from typing import Any, ClassVar

from transformers.image_processing_backends import PilBackend
from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD, PILImageResampling

from adamms.models.processing import NativeProcessor, Row

VERSIONS = ("base", "chat", "vqa")
_TEMPLATE = (
    "{%- set version = template_version | default('VERSION') -%}"
    "{%- set mark = 'Short answer:' if version == 'vqa' else 'Answer:' -%}"
    "{%- for message in messages -%}"
    "{%- if message['content'] is string -%}{%- set text = message['content'] -%}"
    "{%- else -%}{%- set text = message['content'] | selectattr('type', 'equalto', 'text')"
    " | map(attribute='text') | join('') -%}{%- endif -%}"
    "{%- if version == 'base' -%}{%- if loop.last -%}{{ text }}{%- endif -%}"
    "{%- elif message['role'] == 'user' -%}{{ 'Question: ' + text + ' ' + mark }}"
    "{%- elif message['role'] == 'assistant' -%}{{ ' ' + text + ('' if loop.last else '\n') }}"
    "{%- else -%}{{ raise_exception('CogVLM knows turns of user and assistant, no ' + message['role']) }}"
    "{%- endif -%}"
    "{%- endfor -%}"
)


def prompt_template(version: str = "chat") -> str:
    """The prompt as jinja, in this version unless `apply_chat_template` is given a `template_version`."""
    if version not in VERSIONS:
        raise ValueError(f"CogVLM has no prompt template {version!r}; it has {', '.join(VERSIONS)}.")
    return _TEMPLATE.replace("VERSION", version)


class CogVLMImageProcessor(PilBackend):
    """Squash to a square with PIL's bicubic filter, no crop, no padding; CLIP's mean and deviation."""

    resample = PILImageResampling.BICUBIC
    image_mean = OPENAI_CLIP_MEAN
    image_std = OPENAI_CLIP_STD
    size: ClassVar[dict[str, int]] = {"height": 490, "width": 490}
    do_resize = True
    do_rescale = True
    do_normalize = True
    do_convert_rgb = True


class CogVLMProcessor(NativeProcessor):
    """Prompts and images as `input_ids`, `token_type_ids`, `attention_mask`, `pixel_values`.

    Args:
        image_processor: a `CogVLMImageProcessor`.
        tokenizer: Llama-2's, as vicuna-7b-v1.5 has it.
        chat_template: jinja; by default that of `template_version`.
        patch_size: the vision tower's, which gives the length of the image block.
        template_version: `chat`, `vqa` or `base`.
    """

    native_image_processor = CogVLMImageProcessor
    tokenizer_source = "lmsys/vicuna-7b-v1.5"

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        patch_size: int = 14,
        template_version: str = "chat",
    ) -> None:
        self.patch_size = patch_size
        self.template_version = template_version
        template = prompt_template(template_version) if chat_template is None else chat_template
        super().__init__(self.own_image_processor(image_processor), tokenizer, chat_template=template)

    @property
    def image_length(self) -> int:
        """The positions of one image."""
        size = self.image_processor.size
        return int((size["height"] // self.patch_size) * (size["width"] // self.patch_size) + 2)

    @property
    def model_input_names(self) -> list[str]:
        """The names of what a call returns."""
        return ["input_ids", "token_type_ids", "attention_mask", "pixel_values"]

    def encode(self, text: str, *, images: int, add_special_tokens: bool) -> Row:
        """`[BOS][image block][text]`."""
        if images > 1:
            raise ValueError(f"CogVLM answers about one image a conversation, not {images}.")
        begin, block = self.beginning(wanted=add_special_tokens), self.image_length * images
        ids = self.plain_ids(text)
        return {
            "input_ids": begin + [self.pad_id] * block + ids,
            "token_type_ids": [0] * len(begin) + [1] * block + [0] * len(ids),
        }

    @classmethod
    def image_settings(cls, config: dict[str, Any]) -> dict[str, Any]:
        """The tower's image size."""
        side = config.get("vision_config", {}).get("image_size", 490)
        return {"size": {"height": side, "width": side}}

    @classmethod
    def processor_settings(cls, config: dict[str, Any]) -> dict[str, Any]:
        """The tower's patches and the prompt's template."""
        return {
            "patch_size": config.get("vision_config", {}).get("patch_size", 14),
            "template_version": config.get("template_version", "chat"),
        }
