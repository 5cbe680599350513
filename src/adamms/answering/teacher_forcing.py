"""How probable given answers are under the live model: read behind their question, and nothing is generated.

A search that judges candidates by what they think of the parents' answers (section 3.3 made cheaper) reads
several answers to one question. The question is read once: its keys and values are copied for every answer,
and the answers' tokens are fed behind them, all in one forward pass. Probabilities are the model's own,
before any penalty, as for `confidence`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from adamms.answering.decoding import read_prompts
from adamms.answering.engine import Likelihood
from adamms.answering.generate_inputs import GREEDY, Question, model_inputs
from adamms.answering.key_values import repeated
from adamms.answering.prompts import Batch, Prompt, next_types

LOGITS_BYTES = 1 << 29
"""Of logits at once, about: the vocabulary times every token of every answer is soon more than the model."""


@dataclass(frozen=True)
class ForcedAnswer:
    """An answer that is put into the model's mouth."""

    tokens: tuple[int, ...]
    """Without an end token."""
    ends: bool
    """Whether that the answer ends there is part of it; not where it was cut at the length limit."""


@dataclass(frozen=True)
class ForcedQuestion:
    """A prepared question and the answers that are read behind it."""

    prompt: Prompt
    answers: tuple[ForcedAnswer, ...]


def read_answers(
    model: Any, questions: Sequence[ForcedQuestion], *, batch_size: int
) -> Iterator[tuple[str, tuple[Likelihood, ...]]]:
    """How probable each question's answers are, the end of an answer included as one token.

    The end is whichever of the model's end tokens: their probabilities are added. An answer without tokens
    that does not end has the log-probability 0.

    Args:
        model: the live model, in evaluation mode.
        questions: prepared, with their answers.
        batch_size: questions a forward pass, where the model can be batched.
    """
    batchable = [question for question in questions if question.prompt.batchable]
    batchable.sort(key=lambda question: question.prompt.length, reverse=True)
    for start in range(0, len(batchable), batch_size):
        batch = batchable[start : start + batch_size]
        for question, logits in zip(batch, _batch_logits(model, batch), strict=True):
            yield question.prompt.id, _likelihoods(question, logits)
    for question in questions:
        if not question.prompt.batchable:
            logits = [_single_logits(model, question.prompt, answer) for answer in question.answers]
            yield question.prompt.id, _likelihoods(question, logits)


def _batch_logits(model: Any, questions: Sequence[ForcedQuestion]) -> list[list[Tensor]]:
    """For each question and answer the logits at the prompt's last token and at every token of the answer,
    (tokens + 1, vocabulary)."""
    batch, cache, first = read_prompts(model, [question.prompt for question in questions], keep=1)
    rows = [(row, answer) for row, question in enumerate(questions) for answer in question.answers]
    logits = [first[row] for row, _ in rows]
    # Short answers beside long ones would be padding mostly.
    order = sorted(range(len(rows)), key=lambda index: len(rows[index][1].tokens))
    order = [index for index in order if rows[index][1].tokens]
    while order:
        longest = len(rows[order[-1]][1].tokens)
        count = max(1, LOGITS_BYTES // (longest * first.shape[-1] * 4))
        chunk, order = order[-count:], order[:-count]
        parts = _continue(
            model,
            batch,
            cache=repeated(cache, [rows[index][0] for index in chunk]),
            rows=[rows[index][0] for index in chunk],
            answers=[rows[index][1].tokens for index in chunk],
        )
        for index, part in zip(chunk, parts, strict=True):
            logits[index] = torch.cat([logits[index], part[: len(rows[index][1].tokens)]])
    remaining = iter(logits)
    return [[next(remaining) for _ in question.answers] for question in questions]


@torch.no_grad()
def _continue(
    model: Any, batch: Batch, *, cache: Any, rows: Sequence[int], answers: Sequence[Sequence[int]]
) -> Tensor:
    """The logits at the tokens of answers that are fed behind prompts which were read, (rows, tokens, ...).

    Answers are padded on the right, where the causal mask keeps padding from everything that is used.
    """
    width = max(map(len, answers))
    chosen = torch.tensor(rows, device=batch.ids.device)
    ids = batch.ids[chosen]
    behind = torch.tensor([[*answer, *[answer[-1]] * (width - len(answer))] for answer in answers]).to(ids)
    steps = torch.arange(1, width + 1, device=ids.device)
    mask = torch.cat([batch.mask[chosen], torch.ones_like(behind)], dim=1)
    inputs = model.prepare_inputs_for_generation(
        torch.cat([ids, behind], dim=1),
        next_sequence_length=width,
        past_key_values=cache,
        attention_mask=mask if batch.padded else None,
        position_ids=batch.positions.index_select(-2, chosen)[..., -1:] + steps,
        use_cache=True,
        logits_to_keep=width,
        **{name: next_types(name, values[chosen]).expand_as(behind) for name, values in batch.types.items()},
    )
    logits: Tensor = model(**inputs, return_dict=True).logits
    return logits[:, -width:]


def _likelihoods(question: ForcedQuestion, logits: Sequence[Tensor]) -> tuple[Likelihood, ...]:
    return tuple(
        _likelihood(part, answer, ends=question.prompt.ends)
        for part, answer in zip(logits, question.answers, strict=True)
    )


def _likelihood(logits: Tensor, answer: ForcedAnswer, *, ends: Sequence[int]) -> Likelihood:
    """The log-probability of an answer.

    Args:
        logits: at the last token of the question and at every token of the answer, (tokens + 1, vocabulary).
        answer: the answer.
        ends: the tokens that end one.
    """
    shares = torch.log_softmax(logits.float(), dim=-1)
    chosen = torch.tensor(answer.tokens, dtype=torch.long, device=shares.device)
    values = shares[: len(chosen)].gather(1, chosen[:, None])[:, 0].double()
    if answer.ends and ends:
        last = shares[-1, torch.tensor(ends, device=shares.device)]
        values = torch.cat([values, last.logsumexp(dim=0, keepdim=True).double()])
    return Likelihood(float(values.sum()), len(values))


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


def _single_logits(model: Any, prompt: Prompt, answer: ForcedAnswer) -> Tensor:
    """The logits of an answer by the model's own `generate`, for models whose rows cannot share a batch."""
    out = model.generate(
        **model_inputs(model, Question(prompt.id, prompt.inputs, prompt.vision)),
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
