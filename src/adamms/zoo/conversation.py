"""Turns of a conversation as token rows: what the language model reads, and where its loss is counted.

The layout is the one both families' chat templates give once their tokenizers have dropped the white space:
`<|im_start|> user [picture] question <|im_end|> <|im_start|> assistant answer <|im_end|>`, again and again,
the picture in the first turn only. The loss is counted on answers and the end of turn after them.
"""

import torch
from torch import Tensor

from adamms.zoo.questions import Turn
from adamms.zoo.vocabulary import PADDING, TURN_END, TURN_START, split, vocabulary

IGNORED = -100


class Layout:
    """Encodes conversations for one family: `picture` are the tokens that stand for the picture."""

    def __init__(self, picture: tuple[str, ...], specials: tuple[str, ...] = ()) -> None:
        self._ids = vocabulary(specials)
        self._picture = [self._ids[token] for token in picture]
        self._padding = self._ids[PADDING]

    def rows(self, turns: list[Turn], picture: list[int] | None = None) -> tuple[list[int], list[int]]:
        """Return the token rows of a conversation and the labels of each (IGNORED where there is no loss)."""
        tokens: list[int] = []
        labels: list[int] = []
        for number, turn in enumerate(turns):
            question = [self._ids[TURN_START], self._ids["user"]]
            if number == 0:
                question += self._picture if picture is None else picture
            question += [self._ids[word] for word in split(turn.question)]
            question += [self._ids[TURN_END], self._ids[TURN_START], self._ids["assistant"]]
            answer = [self._ids[word] for word in split(turn.answer)] + [self._ids[TURN_END]]
            tokens += question + answer
            labels += [IGNORED] * len(question) + answer
        return tokens, labels

    def word_rows(self, words: list[str]) -> list[int]:
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
