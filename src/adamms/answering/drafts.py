"""The neighbour's answer as a draft, where memory lets few answers be decoded together.

Neighbouring candidates mostly answer a question alike (section 3.3 counts where they do not), so the answer
of the candidate before is read together with the prompt: one pass says how far this candidate's greedy choice
agrees, and it goes on from there. Its own answer comes out, whatever the draft. A pool of many rows spreads
the cost of a step over them and gains nothing from drafts, so they are read in small batches only. This file
knows which draft is worth reading; `decoding.py` reads it.
"""

from collections.abc import Collection, Sequence
from typing import Any

from adamms.answering.prompts import Prompt

FEW = 4
"""Rows decoded together, at most, where drafts are read."""


def few_together(prompts: int, *, batch_size: int, pool_bytes: int, row_bytes: int) -> bool:
    """Whether so few rows are decoded together that drafts pay.

    Args:
        prompts: how many there are.
        batch_size: prompts a prefill.
        pool_bytes: memory for keys and values of unfinished rows.
        row_bytes: what a row takes of it; 0 until the first batch was read, which then goes without drafts.
    """
    if prompts <= FEW:
        return True
    return row_bytes > 0 and max(batch_size, pool_bytes // row_bytes) <= FEW


def readable(prompt: Prompt, draft: Sequence[int], *, marks: Collection[int]) -> tuple[int, ...]:
    """As much of a draft as is read behind its prompt: up to what ends an answer, as nothing follows it, to
    the last token but one that the limit allows, and to a mark, behind which a prefill looks for images."""
    read = tuple(draft[: prompt.limit - 1])
    stops = (index for index, token in enumerate(read) if token in prompt.ends or token in marks)
    return read[: next(stops, len(read))]


def placeholders(config: Any) -> frozenset[int]:
    """Every token that a model's config names: where an image stands, and a few others that answers lack."""
    named = [value for name, value in vars(config).items() if name.endswith(("_token_id", "_token_index"))]
    return frozenset(value for value in named if isinstance(value, int))
