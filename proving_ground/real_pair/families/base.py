"""What an architecture says of itself, and what all have in common: tokens, answers, the language model."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from proving_ground.real_pair.llama import Weights

PICTURE_TOKEN, PICTURE_ID = "<filename>", 6
"""Stands where a picture's vectors go; one of SmolLM2's own that no text holds."""
END_ID = 2
"""Ends an answer: `<|im_end|>`."""


@dataclass(frozen=True)
class Pieces:
    """A prompt in text: before the picture's positions, and behind them around the question."""

    before: str
    after: str
    ask: str
    """Holds {} where the question goes; the answer follows at once."""


class Family(ABC):
    """One architecture."""

    name: ClassVar[str]
    title: ClassVar[str]
    pieces: ClassVar[Pieces]
    without: ClassVar[Pieces]
    """The prompt where there is no picture; `before` is all that stands before the question."""
    positions: ClassVar[int]
    """How many vectors a picture takes."""
    two_way: ClassVar[bool] = False

    @abstractmethod
    def projector(self) -> nn.Module:
        """Return a fresh projector, from what the tower says to the language model's width."""

    def seen(self, raw: Tensor, normed: Tensor) -> Tensor:
        """Return what the projector reads of the tower's tokens before and after its last norm."""
        return raw

    @abstractmethod
    def assemble(self, weights: Weights, projector: nn.Module, tower: Any, language: Any) -> Any:
        """Return the real class holding these weights.

        Args:
            weights: the language model's, under a Llama's names.
            projector: a trained `projector()`.
            tower: a `Dinov2Model`.
            language: theta_0, for its configuration.
        """

    @abstractmethod
    def save_processor(self, folder: Path, tokenizer: Any) -> None:
        """Write the processor's files, the tokenizer and the chat template."""


def prompt_ids(
    family: Family, tokenizer: Any, question: str, *, picture: bool
) -> tuple[list[int], list[int]]:
    """Return the ids before the question (the picture's positions among them), and those of the question."""
    pieces = family.pieces if picture else family.without

    def ids(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    before = ids(pieces.before)
    if picture:
        before += [PICTURE_ID] * family.positions + ids(pieces.after)
    return before, ids(pieces.ask.format(question))


def answer_ids(tokenizer: Any, answer: str) -> list[int]:
    """Return an answer's ids, its end included."""
    return [*tokenizer(answer, add_special_tokens=False)["input_ids"], END_ID]


def language_weights(language: Any) -> dict[str, Tensor]:
    """Return theta_0's weights in float32 under its own names, without the tied head."""
    return {
        name: value.detach().float()
        for name, value in language.named_parameters()
        if name != "lm_head.weight"
    }


def with_language(model: Any, language: Any, weights: Weights) -> Any:
    """Return the model with these weights in its language model."""
    language.load_state_dict({name.removeprefix("model."): value for name, value in weights.items()})
    return finished(model)


def finished(model: Any) -> Any:
    """Return the model in float32, its head tied, its answers ended by SmolLM2's end of a turn."""
    model.tie_weights()
    model.generation_config.bos_token_id = 1
    model.generation_config.eos_token_id = 2
    model.generation_config.pad_token_id = 2
    return model.float()
