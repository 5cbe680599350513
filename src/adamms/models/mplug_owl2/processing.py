"""mPLUG-Owl2's inputs: an image brought to a square one of three ways, a prompt with -200 where it goes.

The official evaluation stretches an image to a square of its longer side before CLIP's processing; its other
two paths pad with the mean colour, or leave the cut to CLIP's centre crop. The text around the placeholder
`<|image|>` is tokenised piece by piece, as the model was trained.
"""

# mypy: disallow-subclassing-any=False

from typing import Any, ClassVar

import numpy as np
from transformers.image_utils import PILImageResampling
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.processing_utils import ImagesKwargs

from adamms.models.processing import NativeProcessor, Row

IMAGE_TOKEN = "<|image|>"
ASPECT_RATIOS = ("resize", "pad", "plain")
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'user' -%}{{ 'USER: ' }}"
    "{%- elif message['role'] == 'assistant' -%}{{ 'ASSISTANT: ' }}"
    "{%- else -%}{{ raise_exception('mPLUG-Owl2 knows turns of user and assistant, no ' + message['role']) }}"
    "{%- endif -%}"
    "{%- if message['content'] is string -%}{{ message['content'] }}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{{ '<|image|>' if part['type'] == 'image' else part['text'] }}"
    "{%- endfor -%}{%- endif -%}"
    "{{ '</s>' if message['role'] == 'assistant' else ' ' }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ 'ASSISTANT:' }}{%- endif -%}"
)


class MPLUGOwl2ImagesKwargs(ImagesKwargs, total=False):  # type: ignore[misc, call-arg]
    """The settings of the image processor."""

    image_aspect_ratio: str | None


class MPLUGOwl2ImageProcessor(LlavaImageProcessorPil):
    """A square by `image_aspect_ratio` (`resize`, `pad` or `plain`), then CLIP's processing."""

    valid_kwargs = MPLUGOwl2ImagesKwargs
    size: ClassVar[dict[str, int]] = {"shortest_edge": 448}
    crop_size: ClassVar[dict[str, int]] = {"height": 448, "width": 448}
    image_aspect_ratio = "resize"

    def _preprocess(
        self, images: list[Any], *args: Any, image_aspect_ratio: str | None = None, **kwargs: Any
    ) -> Any:
        if image_aspect_ratio not in ASPECT_RATIOS:
            raise ValueError(
                f"mPLUG-Owl2 brings images to a square by one of {', '.join(ASPECT_RATIOS)}, "
                f"not by {image_aspect_ratio!r}."
            )
        if image_aspect_ratio == "resize":
            images = [self._stretched(image) for image in images]
        kwargs["do_pad"] = image_aspect_ratio == "pad"
        return super()._preprocess(images, *args, **kwargs)

    def _stretched(self, image: Any) -> Any:
        """A (channels, height, width) image as a square of its longer side, as PIL resizes by default."""
        from PIL import Image

        side = max(image.shape[1:])
        picture = Image.fromarray(np.moveaxis(image, 0, -1)).resize((side, side), PILImageResampling.BICUBIC)
        return np.moveaxis(np.array(picture), -1, 0)


class MPLUGOwl2Processor(NativeProcessor):
    """Prompts and images as `input_ids`, `attention_mask`, `pixel_values`.

    Args:
        image_processor: an `MPLUGOwl2ImageProcessor`; the settings of another one are taken over.
        tokenizer: Llama-2's.
        chat_template: jinja; by default the official prompt.
        image_token: what stands for an image in a prompt.
        image_token_index: what stands for it in the ids.
    """

    native_image_processor = MPLUGOwl2ImageProcessor
    tokenizer_source = "MAGAer13/mplug-owl2-llama2-7b"

    def __init__(
        self,
        image_processor: Any = None,
        tokenizer: Any = None,
        chat_template: str | None = None,
        image_token: str = IMAGE_TOKEN,
        image_token_index: int = -200,
    ) -> None:
        self.image_token = image_token
        self.image_token_index = image_token_index
        template = CHAT_TEMPLATE if chat_template is None else chat_template
        super().__init__(self.own_image_processor(image_processor), tokenizer, chat_template=template)

    @property
    def model_input_names(self) -> list[str]:
        """The names of what a call returns."""
        return ["input_ids", "attention_mask", "pixel_values"]

    def encode(self, text: str, *, images: int, add_special_tokens: bool) -> Row:
        """The ids of the pieces around each placeholder.

        The begin id stays once, before the first piece. Where a prompt opens with an image, the original
        keeps it before every piece that follows instead, and so does this.
        """
        pieces = text.split(self.image_token)
        if len(pieces) - 1 != images:
            raise ValueError(
                f"The prompt holds {len(pieces) - 1} {self.image_token}, but {images} image(s) came with it: "
                "write one where each image goes."
            )
        begin = self.beginning(wanted=add_special_tokens)
        ids: list[int] = []
        for place, piece in enumerate(pieces):
            if place > 0:
                ids.append(self.image_token_index)
            if piece:
                opens = place == 0 or not pieces[0]
                ids += (begin if opens else []) + self.plain_ids(piece)
        return {"input_ids": ids}

    def batch_decode(self, sequences: Any, *args: Any, **kwargs: Any) -> Any:
        """The texts of generated sequences, which open with a prompt whose image ids no tokenizer knows."""
        return self.tokenizer.batch_decode([self._known(row) for row in sequences], *args, **kwargs)

    def decode(self, token_ids: Any, *args: Any, **kwargs: Any) -> Any:
        """The text of one sequence."""
        return self.tokenizer.decode(self._known(token_ids), *args, **kwargs)

    def _known(self, ids: Any) -> list[int]:
        return [int(value) for value in ids if int(value) != self.image_token_index]

    @classmethod
    def image_settings(cls, config: dict[str, Any]) -> dict[str, Any]:
        """The tower's image size."""
        side = config.get("visual_config", {}).get("visual_model", {}).get("image_size", 448)
        return {"size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side}}

    @classmethod
    def processor_settings(cls, config: dict[str, Any]) -> dict[str, Any]:
        """The id that stands for an image."""
        return {"image_token_index": config.get("image_token_index", -200)}
