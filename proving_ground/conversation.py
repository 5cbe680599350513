"""Turns of a conversation as token rows: what the language model reads, and where its loss is counted.

A `Style` is the layout a family's chat template gives once its tokenizer has dropped the white space. The
picture is in the first turn only, always at the same place. The loss is counted on answers and the token
that ends them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from proving_ground.questions import Turn
from proving_ground.vocabulary import LLAMA, QWEN2, TURN_END, TURN_START, Language, split

IGNORED = -100


@dataclass(frozen=True)
class Style:
    """The tokens around a question; `opening` begins the conversation, the picture comes after `before`."""

    language: Language
    opening: tuple[str, ...]
    before: tuple[str, ...]
    after: tuple[str, ...]
    picture_first: bool = False
    """The picture comes before `before`, as in CogVLM, where no chat template mentions it."""

    @property
    def picture_start(self) -> int:
        """The place of the picture's first token."""
        return len(self.opening) + (0 if self.picture_first else len(self.before))


CHATML = Style(QWEN2, (), (TURN_START, "user"), (TURN_END, TURN_START, "assistant"))
VICUNA = Style(LLAMA, ("<s>",), ("user", ":"), ("assistant", ":"))
COGVLM = Style(LLAMA, ("<s>",), ("question", ":"), ("answer", ":"), picture_first=True)


class Layout:
    """Encodes conversations in one style: `picture` are the tokens that stand for the picture."""

    def __init__(self, style: Style, picture: tuple[str, ...], specials: tuple[str, ...] = ()) -> None:
        self.style = style
        self._ids = style.language.rows(specials)
        self._picture = self.word_rows(picture)
        self._padding, self._end = self._ids[style.language.padding], self._ids[style.language.end]

    def rows(self, turns: list[Turn], picture: list[int] | None = None) -> tuple[list[int], list[int]]:
        """Return the token rows of a conversation and the labels of each (IGNORED where there is no loss)."""
        tokens: list[int] = self.word_rows(self.style.opening)
        labels: list[int] = [IGNORED] * len(tokens)
        for number, turn in enumerate(turns):
            shown = (self._picture if picture is None else picture) if number == 0 else []
            before = self.word_rows(self.style.before)
            question = shown + before if self.style.picture_first else before + shown
            question += self.word_rows((*split(turn.question), *self.style.after))
            answer = [*self.word_rows(split(turn.answer)), self._end]
            tokens += question + answer
            labels += [IGNORED] * len(question) + answer
        return tokens, labels

    def word_rows(self, words: list[str] | tuple[str, ...]) -> list[int]:
        """Return the rows of plain words."""
        return [self._ids[word] for word in words]

    def batch(self, conversations: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
        """Stack conversations, padded on the right (a causal model never looks there)."""
        width = max(len(tokens) for tokens, _ in conversations)
        ids = torch.full((len(conversations), width), self._padding)
        labels = torch.full((len(conversations), width), IGNORED)
        for row, (tokens, marks) in enumerate(conversations):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            labels[row, : len(marks)] = torch.tensor(marks)
        return ids, labels
