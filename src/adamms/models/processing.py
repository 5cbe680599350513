"""What the processors of both architectures share: loading, rows of images, padding on the left.

transformers' processors put an image into the text as tokens of the vocabulary. These two architectures have
no such token: one marks positions by token types, the other by an id outside the vocabulary. So a family says
how one prompt becomes ids, and everything around that is here. It works on folders this package saved and on
the official ones, whose missing files are made up for from `config.json`. No torchvision.
"""

# mypy: disallow-subclassing-any=False

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from transformers import BatchFeature, PreTrainedConfig, ProcessorMixin

Row = dict[str, list[int]]


class NativeProcessor(ProcessorMixin):
    """An image processor and a tokenizer; families define `encode` and what `config.json` says of them."""

    native_image_processor: ClassVar[Any]
    tokenizer_source: ClassVar[str]
    """Whose tokenizer it is, for the message where a folder has none."""

    def encode(self, text: str, *, images: int, add_special_tokens: bool) -> Row:
        """The model's inputs for one prompt with so many images, without padding and masks."""
        raise NotImplementedError

    @classmethod
    def image_settings(cls, config: dict[str, Any]) -> dict[str, Any]:
        """The image processor's settings, from a model's `config.json`."""
        raise NotImplementedError

    @classmethod
    def processor_settings(cls, config: dict[str, Any]) -> dict[str, Any]:
        """The processor's own settings, from a model's `config.json`."""
        raise NotImplementedError

    def __call__(
        self,
        images: Any = None,
        text: str | Sequence[str] | None = None,
        videos: Any = None,
        audio: Any = None,
        *,
        return_tensors: str | None = None,
        padding: bool | str = True,
        add_special_tokens: bool = True,
        **image_settings: Any,
    ) -> BatchFeature:
        """Prompts and their images as the model's inputs.

        Args:
            images: one image, a list of them, or a list of lists: the images of each prompt.
            text: one prompt or several.
            videos: refused.
            audio: refused.
            return_tensors: `"pt"` for torch tensors.
            padding: bring all rows to the longest one's length, on the left.
            add_special_tokens: begin every prompt as the model expects it.
            image_settings: of the image processor, for this call.
        """
        if videos is not None or audio is not None:
            raise ValueError(f"{type(self).__name__} reads images and text, no videos and no audio.")
        known = self.image_processor.valid_kwargs.__annotations__
        unknown = sorted(set(image_settings) - set(known))
        if unknown:
            raise TypeError(f"{type(self).__name__} knows no setting {unknown[0]!r}.")
        texts = [text] if isinstance(text, str) else list(text or [])
        rows = images_of_rows(images, rows=max(len(texts), 1))
        data: dict[str, Any] = {}
        if texts:
            encoded = [
                self.encode(prompt, images=len(shown), add_special_tokens=add_special_tokens)
                for prompt, shown in zip(texts, rows, strict=True)
            ]
            data |= left_padded(encoded, pad_id=self.pad_id) if padding else with_masks(encoded)
        flat = [image for shown in rows for image in shown]
        if flat:
            data |= self.image_processor(flat, return_tensors=return_tensors, **image_settings)
        return BatchFeature(data, tensor_type=return_tensors)

    @property
    def pad_id(self) -> int:
        """The id that fills positions nobody reads; Llama's tokenizers often name none."""
        known = (self.tokenizer.pad_token_id, self.tokenizer.unk_token_id, 0)
        return next(value for value in known if value is not None)

    def plain_ids(self, text: str) -> list[int]:
        """A piece of text as ids, nothing added."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def beginning(self, *, wanted: bool) -> list[int]:
        """The id that begins a prompt, if it is wanted and the tokenizer has one."""
        begin = self.tokenizer.bos_token_id
        return [begin] if wanted and begin is not None else []

    @classmethod
    def get_processor_dict(
        cls, pretrained_model_name_or_path: str | Path, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The processor's settings; what its own file does not say, from the model's `config.json`."""
        values, unused = super().get_processor_dict(pretrained_model_name_or_path, **kwargs)
        config = model_config(pretrained_model_name_or_path, **kwargs)
        return {**cls.processor_settings(config), **values}, unused

    @classmethod
    def _get_arguments_from_pretrained(
        cls, pretrained_model_name_or_path: str | Path, processor_dict: Any = None, **kwargs: Any
    ) -> list[Any]:
        place = pretrained_model_name_or_path
        try:
            image_processor = cls.native_image_processor.from_pretrained(place, **kwargs)
        except OSError:
            settings = cls.image_settings(model_config(place, **kwargs))
            image_processor = cls.native_image_processor(**settings)
        try:
            tokenizer = cls._load_tokenizer_from_pretrained(
                "tokenizer", place, **{"trust_remote_code": False, **kwargs}
            )
        except (OSError, ValueError) as error:
            raise OSError(
                f"{place} has no tokenizer that loads: put the architecture's own into the folder, "
                f"which is that of {cls.tokenizer_source}."
            ) from error
        return [image_processor, tokenizer]

    @classmethod
    def own_image_processor(cls, image_processor: Any) -> Any:
        """The family's image processor with the settings of another one (the official files name CLIP's)."""
        if image_processor is None or isinstance(image_processor, cls.native_image_processor):
            return image_processor
        known = cls.native_image_processor.valid_kwargs.__annotations__
        given = image_processor.to_dict()
        return cls.native_image_processor(**{name: given[name] for name in known if name in given})


def model_config(place: str | Path, **kwargs: Any) -> dict[str, Any]:
    """The `config.json` of a folder or a hub repository, {} if there is none."""
    try:
        config: dict[str, Any] = PreTrainedConfig.get_config_dict(place, **kwargs)[0]
    except OSError:
        return {}
    return config


def images_of_rows(images: Any, *, rows: int) -> list[list[Any]]:
    """The images of each prompt, from one image, a flat list or a list of lists.

    Raises:
        ValueError: it does not follow which image belongs to which prompt.
    """
    if images is None:
        return [[] for _ in range(rows)]
    if not isinstance(images, list | tuple):
        images = [images]
    if any(isinstance(entry, list | tuple) for entry in images):
        nested = [list(entry) if isinstance(entry, list | tuple) else [entry] for entry in images]
    elif rows == 1:
        nested = [list(images)]
    else:
        nested = [[entry] for entry in images]
    if len(nested) != rows:
        raise ValueError(
            f"There are {rows} prompts and images for {len(nested)}: pass a list of lists, "
            "the images of each prompt, empty where it has none."
        )
    return nested


def with_masks(rows: list[Row]) -> dict[str, list[list[int]]]:
    """Rows as columns, each with its attention mask."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return {**columns, "attention_mask": [[1] * len(row["input_ids"]) for row in rows]}


def left_padded(rows: list[Row], *, pad_id: int) -> dict[str, list[list[int]]]:
    """Rows of one length, padded on the left, where an answer does not begin."""
    columns = with_masks(rows)
    longest = max(len(row["input_ids"]) for row in rows)
    fill = {"input_ids": pad_id}
    return {
        name: [[fill.get(name, 0)] * (longest - len(values)) + values for values in column]
        for name, column in columns.items()
    }
