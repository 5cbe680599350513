"""How probable a given answer is under the live model: one forward pass over question and answer.

The answer's tokens are appended to the prepared prompt and read in one prefill, the same code that begins a
generated answer; nothing is generated. Probabilities are the model's own, before any penalty, as for
`confidence`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from adamms.answering.decoding import read_prompts
from adamms.answering.generate_inputs import GREEDY, Question, model_inputs
from adamms.answering.prompts import Prompt, extended


@dataclass(frozen=True)
class GivenAnswer:
    """An answer that a model is asked about."""

    text: str
    finished: bool
    """Whether it ended by itself, so that its end is part of it; also where that is not known."""


@dataclass(frozen=True)
class Forced:
    """A prepared question and the answer that is put into the model's mouth."""

    prompt: Prompt
    tokens: tuple[int, ...]
    """The answer's, without an end token."""
    ends: bool
    """Whether that the answer ends there is part of it; not where it was cut at the length limit."""


def mean_log_probabilities(
    model: Any, answers: Sequence[Forced], *, batch_size: int
) -> Iterator[tuple[str, float]]:
    """The mean log-probability of each answer's tokens, in nats, its end included as one token.

    The end is whichever of the model's end tokens: their probabilities are added. An answer without tokens
    that does not end has the log-probability 0.

    Args:
        model: the live model, in evaluation mode.
        answers: to prepared questions.
        batch_size: answers a forward pass, where the model can be batched.
    """
    batchable = [each for each in answers if each.prompt.batchable]
    batchable.sort(key=lambda each: each.prompt.length + len(each.tokens), reverse=True)
    for start in range(0, len(batchable), batch_size):
        batch = batchable[start : start + batch_size]
        longest = max(len(each.tokens) for each in batch)
        prompts = [extended(each.prompt, each.tokens) for each in batch]
        _, _, logits = read_prompts(model, prompts, keep=longest + 1)
        for each, row in zip(batch, logits, strict=True):
            yield each.prompt.id, _mean(row[-len(each.tokens) - 1 :], each)
    for each in answers:
        if not each.prompt.batchable:
            yield each.prompt.id, _mean(_single_logits(model, each), each)


def _mean(logits: Tensor, answer: Forced) -> float:
    """The mean over an answer's tokens of their log-probabilities.

    Args:
        logits: at the last token of the question and at every token of the answer, (tokens + 1, vocabulary).
        answer: the answer.
    """
    shares = torch.log_softmax(logits.float(), dim=-1)
    chosen = torch.tensor(answer.tokens, dtype=torch.long, device=shares.device)
    found = shares[:-1].gather(1, chosen[:, None])[:, 0].double()
    if answer.ends and answer.prompt.ends:
        ends = torch.tensor(answer.prompt.ends, device=shares.device)
        found = torch.cat([found, shares[-1, ends].logsumexp(dim=0, keepdim=True).double()])
    return float(found.mean()) if len(found) else 0.0


class _Forcing(LogitsProcessor):  # type: ignore[misc]
    """Makes `generate` say given tokens, whatever it would say."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = list(tokens)

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if not self._tokens:
            return scores
        forced = torch.full_like(scores, -torch.inf)
        forced[:, self._tokens.pop(0)] = 0
        return forced


def _single_logits(model: Any, answer: Forced) -> Tensor:
    """The logits of an answer by the model's own `generate`, for models whose rows cannot share a batch."""
    out = model.generate(
        **model_inputs(model, Question(answer.prompt.id, answer.prompt.inputs, answer.prompt.vision)),
        **GREEDY,
        max_new_tokens=len(answer.tokens) + 1,
        logits_processor=[_Forcing(answer.tokens)],
        # Nothing ends it: what is forced may look like an end to the checkpoint's settings.
        stop_strings=None,
        eos_token_id=None,
        return_dict_in_generate=True,
        output_logits=True,
    )
    return torch.stack([step[0] for step in out.logits])
