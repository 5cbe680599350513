"""What a family of multimodal models must say of itself to be grown, measured and shipped by the zoo.

One subclass a family, each in a file of its own: its class at the zoo's size, its prompt, its picture tokens,
the fast way through its parts, its processor on disk. Training and measuring know this face only.
"""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from PIL.Image import Image
from torch import Tensor, nn

from proving_ground.conversation import Layout, Style
from proving_ground.models import EMBEDDING_STD, MATRIX_STD, Line
from proving_ground.vocabulary import Language, tokenizer

Table = dict[str, Tensor]


class Family(ABC):
    """A family of the zoo; `name` is its folder, `title` what people call it, `model_class` its class."""

    name: ClassVar[str]
    title: ClassVar[str]
    model_class: ClassVar[str]
    line: ClassVar[Line]
    style: ClassVar[Style]
    specials: ClassVar[tuple[str, ...]] = ()
    picture: ClassVar[tuple[str, ...]]
    """The tokens that stand for a picture; the vectors of `features` take their places from `lead` on."""
    lead: ClassVar[int] = 0
    template: ClassVar[str | None]
    tower_parts: ClassVar[tuple[str, ...]]
    """The beginnings of the names of everything that is not the language model."""

    @abstractmethod
    def build(self) -> Any:
        """Return the model with fresh weights."""

    @abstractmethod
    def image_processor(self) -> Any:
        """Return the family's own image processor for 48 x 48 pictures: nine cells of 16 x 16 pixels."""

    @abstractmethod
    def cells(self, model: Any, values: Tensor) -> Tensor:
        """Return what the tower says about the nine cells: (pictures, cells, hidden)."""

    @abstractmethod
    def save_processor(self, folder: Path) -> None:
        """Write everything `AutoProcessor` looks for, the tokenizer and the chat template among it."""

    @property
    def language(self) -> Language:
        """The tokens of the language model it grows from."""
        return self.style.language

    def vocabulary(self) -> dict[str, int]:
        """Token to row, the family's own tokens included."""
        return self.language.rows(self.specials)

    def layout(self) -> Layout:
        """Return how conversations become token rows."""
        return Layout(self.style, self.picture, self.specials)

    def grow(self, pretrained: Any) -> Any:
        """Return a model around a copy of the language model theta_0, duplicates included; fresh tower."""
        model = self.build()
        theta = dict(pretrained.named_parameters())
        rows = len(self.language.tokens)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if self._fresh(name) and parameter.dim() >= 2:
                    nn.init.normal_(parameter, std=min(MATRIX_STD, parameter[0].numel() ** -0.5))
            originals = self.originals(model)
            for name, part in (*originals.items(), *self.duplicates(model).items()):
                if name not in TABLES:
                    part.copy_(theta[name])
            for name, std in TABLES.items():
                originals[name][:rows] = theta[name][:rows]
                nn.init.normal_(originals[name][rows:], std=std)
        return model

    def _fresh(self, name: str) -> bool:
        return any(part in name for part in self.tower_parts)

    def pixels(self, images: list[Image]) -> Tensor:
        """Process pictures with the family's own image processor: one row of pixel values a picture."""
        values: Tensor = self.image_processor()(images=images, return_tensors="pt")["pixel_values"]
        return values

    def features(self, model: Any, values: Tensor) -> Tensor:
        """Return the vectors of pictures in the order of their tokens: (pictures, tokens, hidden)."""
        return self.cells(model, values)

    def tower(self, model: Any) -> list[nn.Parameter]:
        """Return the parameters of everything that is not the language model."""
        return [parameter for name, parameter in model.named_parameters() if self._fresh(name)]

    def text(self, model: Any) -> list[nn.Parameter]:
        """Return the parameters of the language model, its duplicates included."""
        return [parameter for name, parameter in model.named_parameters() if not self._fresh(name)]

    def originals(self, model: Any) -> Table:
        """Return the language model under theta_0's names, as views."""
        text = {f"model.{name}": value for name, value in model.model.language_model.named_parameters()}
        return {**text, "lm_head.weight": model.lm_head.weight}

    def duplicates(self, model: Any) -> Table:
        """Return what computes image positions beside the originals, under the names of those, as views."""
        return {}

    def read(self, model: Any, ids: Tensor, features: Tensor) -> Tensor:
        """Return the last hidden states over token rows whose picture has these vectors."""
        embedded = self.splice(model.get_input_embeddings()(ids), features)
        hidden: Tensor = model.model.language_model(inputs_embeds=embedded, use_cache=False).last_hidden_state
        return hidden

    def splice(self, embedded: Tensor, features: Tensor) -> Tensor:
        """Return embeddings with the picture's vectors in their places."""
        start = self.style.picture_start + self.lead
        stop = start + features.shape[1]
        return torch.cat([embedded[:, :start], features.to(embedded.dtype), embedded[:, stop:]], dim=1)

    def save_tokenizer(self, folder: Path, *, template: bool = True) -> None:
        """Write the tokenizer and the chat template."""
        save_tokenizer(folder, self.language, self.specials, template=self.template if template else None)


TABLES = {"model.embed_tokens.weight": EMBEDDING_STD, "lm_head.weight": 0.02}


def save_tokenizer(
    folder: Path, language: Language, specials: tuple[str, ...] = (), *, template: str | None
) -> None:
    """Write a model's tokenizer and chat template."""
    tokenizer(language, specials, chat_template=template).save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"  # the name that older transformers know, too
    write_json(path, settings)


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write settings as transformers does, keys in order."""
    path.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8")
