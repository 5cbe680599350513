"""Greedy answers and likelihoods of a sibling or a merge, by the plain Llama, on a CPU or a GPU.

In float32 the answers are those of transformers' `generate` on the saved model (a test says so); on a GPU
products may run in TF32, which `precision` says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from proving_ground.real_pair.families.base import PICTURE_ID, Family, answer_ids, prompt_ids
from proving_ground.real_pair.llama import Cache, causal, hidden_states, logits
from proving_ground.real_pair.packing import PAD

LONG = 80
"""The longest description, in tokens."""
SHORT = 10


@dataclass(frozen=True)
class Said:
    """An answer and how sure the model was, as `adamms search` writes it.

    `confidence` is the tokens' mean probability, `likelihood` the sum of their logarithms, `entropy` (nats)
    that of the first token's distribution.
    """

    text: str
    confidence: float
    likelihood: float
    entropy: float


@dataclass(frozen=True)
class Prompt:
    """One question as a family reads it: the ids, the picture's positions among them."""

    ids: tuple[int, ...]
    picture: int | None
    longest: int


class Examiner:
    """The same questions for all merges with one base: its prompts, and its pictures' vectors once."""

    def __init__(
        self,
        family: Family,
        tokenizer: Any,
        questions: Sequence[Mapping[str, Any]],
        *,
        pictures: Mapping[str, int],
        device: str,
        rows: int = 512,
    ) -> None:
        """Prepare questions with `picture`, `prompt`, `task`."""
        self.family, self.tokenizer, self.device, self.rows = family, tokenizer, device, rows
        self.prompts = [_prompt(family, tokenizer, question, pictures=pictures) for question in questions]
        self._vectors: Tensor | None = None
        self._place: dict[int, int] = {}

    @torch.no_grad()
    def look(self, projector: nn.Module, eyes: Any) -> None:
        """Compute the vectors of all pictures."""
        shown = sorted({prompt.picture for prompt in self.prompts if prompt.picture is not None})
        self._place = {number: place for place, number in enumerate(shown)}
        projector.to(self.device).float().eval()
        numbers = torch.tensor(shown, device=self.device)
        parts = [projector(eyes(numbers[start : start + 512])) for start in range(0, len(shown), 512)]
        self._vectors = torch.cat(parts) if parts else None

    @torch.no_grad()
    def answers(self, weights: Mapping[str, Tensor], *, only: Sequence[int] | None = None) -> list[Said]:
        """Return the greedy answers to all questions, or to those of these numbers, in their order."""
        wanted = list(range(len(self.prompts)) if only is None else only)
        order = sorted(
            wanted, key=lambda number: (self.prompts[number].longest, len(self.prompts[number].ids))
        )
        said: dict[int, Said] = {}
        start = 0
        while start < len(order):
            longest = self.prompts[order[start]].longest
            part = [n for n in order[start : start + self.rows] if self.prompts[n].longest == longest]
            said |= dict(zip(part, self._generate(weights, part, longest=longest), strict=True))
            start += len(part)
        return [said[number] for number in wanted]

    def _generate(self, weights: Mapping[str, Tensor], numbers: list[int], *, longest: int) -> list[Said]:
        prompts = [self.prompts[number] for number in numbers]
        width = max(len(prompt.ids) for prompt in prompts)
        rows = len(prompts)
        ids = torch.tensor([[PAD] * (width - len(p.ids)) + list(p.ids) for p in prompts], device=self.device)
        begins = torch.tensor([width - len(p.ids) for p in prompts], device=self.device)
        columns = torch.arange(width + longest, device=self.device)
        real = columns[None] >= begins[:, None]
        positions = (columns[None] - begins[:, None]).clamp(min=0)
        embedded = self._embedded(weights, ids, prompts, real[:, :width])
        pictures = (ids == PICTURE_ID) & real[:, :width]
        cache = Cache.empty(weights, rows, width + longest, like=embedded)
        order = torch.ones(width, width, dtype=torch.bool, device=self.device).tril()
        see = (order & real[:, None, :width]) | torch.eye(width, dtype=torch.bool, device=self.device)
        hidden = hidden_states(
            weights,
            embedded,
            positions=positions[:, :width],
            mask=causal(see, dtype=embedded.dtype),
            pictures=pictures,
            cache=cache,
        )[:, -1]
        done = torch.zeros(rows, dtype=torch.bool, device=self.device)
        tokens, shares, entropy = [], [], torch.zeros(rows, device=self.device)
        mask = torch.zeros(rows, 1, 1, width + longest, device=self.device, dtype=embedded.dtype)
        mask.masked_fill_(~real[:, None, None], torch.finfo(embedded.dtype).min / 2)
        for step in range(longest):
            log_shares = logits(weights, hidden).log_softmax(-1)
            best = log_shares.max(-1)
            if step == 0:
                entropy = torch.special.entr(log_shares.exp()).sum(-1)
            tokens.append(torch.where(done, PAD, best.indices))
            shares.append(torch.where(done, torch.nan, best.values))
            done = done | (best.indices == PAD)
            if step + 1 == longest or (step % 4 == 1 and bool(done.all())):
                break
            embedded = F.embedding(tokens[-1][:, None], weights["model.embed_tokens.weight"])
            place = width + step
            hidden = hidden_states(
                weights,
                embedded,
                positions=positions[:, place : place + 1],
                mask=mask[..., : place + 1],
                cache=cache,
            )[:, -1]
        columns_of = torch.stack(tokens, dim=1).tolist()
        sure = torch.stack(shares, dim=1)
        likelihood, confidence = sure.nansum(1).tolist(), sure.exp().nanmean(1).tolist()
        texts = []
        for row in columns_of:
            stop = row.index(PAD) if PAD in row else len(row)
            texts.append(self.tokenizer.decode(row[:stop]).strip())
        return [Said(*values) for values in zip(texts, confidence, likelihood, entropy.tolist(), strict=True)]

    @torch.no_grad()
    def likelihoods(self, weights: Mapping[str, Tensor], asked: Sequence[tuple[int, str]]) -> list[float]:
        """Return the log-probability of answers, their ends included, each to the question of its number."""
        says = [answer_ids(self.tokenizer, text) for _, text in asked]
        order = sorted(range(len(asked)), key=lambda n: len(self.prompts[asked[n][0]].ids) + len(says[n]))
        values: dict[int, float] = {}
        for start in range(0, len(order), self.rows):
            part = order[start : start + self.rows]
            values |= dict(
                zip(part, self._read(weights, [(asked[n][0], says[n]) for n in part]), strict=True)
            )
        return [values[number] for number in range(len(asked))]

    def _read(self, weights: Mapping[str, Tensor], asked: list[tuple[int, list[int]]]) -> list[float]:
        prompts = [self.prompts[number] for number, _ in asked]
        texts = [list(p.ids) + say[:-1] for p, (_, say) in zip(prompts, asked, strict=True)]
        width = max(map(len, texts))
        ids = torch.tensor([text + [PAD] * (width - len(text)) for text in texts], device=self.device)
        targets = torch.full_like(ids, -1)
        rows = []
        for row, (prompt, (_, say)) in enumerate(zip(prompts, asked, strict=True)):
            rows.append([-1] * (len(prompt.ids) - 1) + say + [-1] * (width - len(prompt.ids) - len(say) + 1))
            assert len(rows[row]) == width
        targets = torch.tensor(rows, device=self.device)
        lengths = torch.tensor([len(prompt.ids) for prompt in prompts], device=self.device)
        head = torch.arange(width, device=self.device)[None] < lengths[:, None]
        embedded = self._embedded(weights, ids, prompts, head)
        order = torch.ones(1, width, width, dtype=torch.bool, device=self.device).tril()
        positions = torch.arange(width, device=self.device)[None].expand(len(asked), -1)
        hidden = hidden_states(
            weights,
            embedded,
            positions=positions,
            mask=causal(order, dtype=embedded.dtype),
            pictures=(ids == PICTURE_ID) & head,
        )
        where = (targets >= 0).flatten().nonzero().squeeze(1)
        chosen = targets.flatten()[where]
        shares = torch.cat(
            [
                logits(weights, piece).log_softmax(-1).gather(1, aim[:, None]).squeeze(1)
                for piece, aim in zip(
                    hidden.flatten(0, 1)[where].split(4096), chosen.split(4096), strict=True
                )
            ]
        )
        sums = torch.zeros(len(asked), device=self.device)
        sums.index_add_(0, where // width, shares)
        values: list[float] = sums.tolist()
        return values

    def _embedded(
        self, weights: Mapping[str, Tensor], ids: Tensor, prompts: Sequence[Prompt], real: Tensor
    ) -> Tensor:
        embedded = F.embedding(ids, weights["model.embed_tokens.weight"])
        places = [self._place[prompt.picture] for prompt in prompts if prompt.picture is not None]
        if not places:
            return embedded
        assert self._vectors is not None
        pictures = (ids == PICTURE_ID) & real
        vectors = self._vectors[torch.tensor(places, device=self.device)]
        return embedded.masked_scatter(pictures[..., None], vectors.to(embedded.dtype))


def _prompt(
    family: Family, tokenizer: Any, question: Mapping[str, Any], *, pictures: Mapping[str, int]
) -> Prompt:
    name = question["picture"]
    before, ask = prompt_ids(family, tokenizer, question["prompt"], picture=name is not None)
    longest = LONG if question["task"] == "describe" else SHORT
    return Prompt((*before, *ask), None if name is None else pictures[name], longest)
