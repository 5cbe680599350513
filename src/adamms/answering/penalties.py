"""The penalties of a checkpoint's generation config, on a batch as `generate` has them on one row.

The processors are transformers' own, made for each prompt alone; a row's processors see that row's tokens
without padding, so a shared batch changes nothing.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers.generation import RepetitionPenaltyLogitsProcessor


def processed(logits: Tensor, ids: Tensor, rows: Sequence[tuple[Sequence[Any], int]]) -> Tensor:
    """The scores that greedy choice is made by.

    Args:
        logits: of the next token, (rows, vocabulary).
        ids: prompt and answer of each row, padded on the left with tokens of the row itself.
        rows: for each row its processors and how many tokens it has.
    """
    if not any(processors for processors, _ in rows):
        return logits
    shared = _one_penalty([processors for processors, _ in rows])
    if shared is not None:
        # Penalising a token twice is penalising it once, so the padding does no harm.
        return shared(ids, logits)
    scores = logits.clone()
    for index, (processors, length) in enumerate(rows):
        own = ids[index : index + 1, ids.shape[1] - length :]
        for processor in processors:
            scores[index : index + 1] = processor(own, scores[index : index + 1])
    return scores


def _one_penalty(lists: Sequence[Sequence[Any]]) -> Any:
    """The repetition penalty that is all that every row has, or None: it can be applied to all at once."""
    first: Any = lists[0][0] if lists[0] else None
    for processors in lists:
        if len(processors) != 1 or type(processors[0]) is not RepetitionPenaltyLogitsProcessor:
            return None
        if processors[0].penalty != first.penalty or processors[0].prompt_ignore_length is not None:
            return None
    return first
