"""What a merged model answers, how sure it is, and how likely it finds what others answered.

Greedy answers through the zoo's own fast forward: the answer of the neighbouring candidate is the draft, one
pass checks a whole draft, and only where the model disagrees does it go on by itself. The tokens are those of
plain greedy decoding. `searching` does the same with transformers' classes and caches; a test compares them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from proving_ground.families import Family
from proving_ground.measuring import LONGEST_ANSWER, Examiner, Question

ROWS = 400  # a pass; more do not fit the caches of the processor


@dataclass(frozen=True)
class Said:
    """An answer: its token rows (the end token included), and how sure the model was.

    `confidence` is the tokens' mean probability, `log_likelihood` the sum of their logarithms, `entropy`
    (nats) that of the first token's distribution, all over the whole vocabulary.
    """

    tokens: tuple[int, ...]
    confidence: float
    log_likelihood: float
    entropy: float


class Interviewer:
    """Asks models of one family the same questions; the base's pictures are encoded once."""

    def __init__(
        self,
        family: Family,
        asked: Sequence[Question],
        *,
        half: bool = False,
        longest: int = LONGEST_ANSWER,
    ) -> None:
        """Prepare the questions; with `half` matrices are multiplied in bfloat16, but for the last one."""
        self._family, self._half, self._longest = family, half, longest
        self._examiner = Examiner(family, list(asked))
        self._prompts = self._examiner.prompts
        self._ids = family.vocabulary()
        self._words = {row: token for token, row in self._ids.items()}
        self._end = self._ids[family.language.end]

    def features(self, model: Any) -> Tensor:
        """Return the features of all pictures, in the order of the questions."""
        return torch.cat(
            [
                self._family.features(model, self._examiner.values[start : start + ROWS]).detach()
                for start in range(0, len(self._prompts), ROWS)
            ]
        )

    def text(self, tokens: Sequence[int]) -> str:
        """Return an answer's words."""
        return " ".join(self._words.get(token, "") for token in tokens if token != self._end).strip()

    def translate(self, tokens: Sequence[int], of: "Interviewer") -> tuple[int, ...]:
        """Return another family's tokens in this one's rows; its own special tokens are unknown here."""
        unknown = self._ids[self._family.language.unknown]
        return tuple(self._ids.get(of._words.get(token, ""), unknown) for token in tokens)

    def answers(self, model: Any, features: Tensor, *, drafts: Sequence[Said] | None = None) -> list[Said]:
        """Return the greedy answers; `drafts` save passes where they are right and change nothing else."""
        rows = [
            _Row(() if drafts is None else drafts[i].tokens, longest=self._longest)
            for i in range(len(self._prompts))
        ]
        while open_rows := [index for index, row in enumerate(rows) if not row.done(self._end)]:
            asked = [(index, (*rows[index].tokens, *rows[index].draft)) for index in open_rows]
            for index, shares in self._read(model, features, asked):
                rows[index].hear(shares, end=self._end)
        return [row.said() for row in rows]

    def log_likelihoods(
        self, model: Any, features: Tensor, asked: Sequence[tuple[int, tuple[int, ...]]]
    ) -> list[float]:
        """Return the log-probability of given answers, each to the question of that number (one pass)."""
        likelihoods = {}
        for number, (index, shares) in enumerate(self._read(model, features, asked, whole=True)):
            tokens = torch.tensor(asked[number][1])
            assert index == asked[number][0]
            likelihoods[number] = shares[torch.arange(len(tokens)), tokens].sum().item()
        return [likelihoods[number] for number in range(len(asked))]

    def _read(
        self,
        model: Any,
        features: Tensor,
        asked: Sequence[tuple[int, tuple[int, ...]]],
        *,
        whole: bool = False,
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield, in order, for each (question, answer) the log-probabilities of each token and the next.

        (tokens + 1, vocabulary); with `whole` the last token is asked for and not read: (tokens, vocabulary).
        """
        for start in range(0, len(asked), ROWS):
            part = asked[start : start + ROWS]
            texts = [self._prompts[index] + list(answer[:-1] if whole else answer) for index, answer in part]
            width = max(map(len, texts))
            ids = torch.tensor([text + [self._end] * (width - len(text)) for text in texts])
            numbers = torch.tensor([index for index, _ in part])
            with torch.no_grad():
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._half, cache_enabled=False):
                    hidden = self._family.read(model, ids, features[numbers]).float()
                first = [len(self._prompts[index]) - 1 for index, _ in part]
                where = [torch.arange(begin, len(text)) for begin, text in zip(first, texts, strict=True)]
                flat = torch.cat([row * width + columns for row, columns in enumerate(where)])
                logits = model.lm_head(hidden.reshape(-1, hidden.shape[-1])[flat])
                shares = torch.log_softmax(logits.float(), dim=-1)
            for (index, _), piece in zip(part, shares.split([len(tokens) for tokens in where]), strict=True):
                yield index, piece


class _Row:
    """One answer in the making: what is settled, and what is left of the draft."""

    def __init__(self, draft: tuple[int, ...], *, longest: int) -> None:
        self._longest = longest
        self.tokens: list[int] = []
        self.draft = draft[:-1]  # the last token of an answer is never read
        self._sure: list[float] = []
        self._entropy = 0.0

    def done(self, end: int) -> bool:
        return len(self.tokens) == self._longest or (bool(self.tokens) and self.tokens[-1] == end)

    def hear(self, shares: Tensor, *, end: int) -> None:
        """Take over the model's own choices up to where the draft is not one of them."""
        fresh = shares[len(self.tokens) :]
        if not self.tokens:
            self._entropy = torch.special.entr(fresh[0].exp()).sum().item()
        best = fresh.max(dim=-1)
        for place, (token, share) in enumerate(zip(best.indices.tolist(), best.values.tolist(), strict=True)):
            self.tokens.append(token)
            self._sure.append(share)
            if self.done(end) or place >= len(self.draft) or self.draft[place] != token:
                break
        self.draft = ()

    def said(self) -> Said:
        sure = torch.tensor(self._sure).exp().mean().item()
        return Said(tuple(self.tokens), sure, sum(self._sure), self._entropy)
