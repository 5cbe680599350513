"""Greedy answers in batches, token for token those of `generate` one by one.

Prompts are prefilled in batches of similar length, padded on the left; rows that are not finished go on in
one pool, where they are decoded together and leave as they end (section 3.3: every candidate answers every
question, so this is where a search spends its time). Rows know their own positions, so a row's answer does
not depend on its neighbours. This file knows no candidates and no files.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache
from transformers.generation import RepetitionPenaltyLogitsProcessor

from adamms.answering.key_values import cache_bytes, new_cache, pooled
from adamms.answering.prompts import Batch, Prompt, collate, next_types

MOST_TOGETHER = 128
"""Prompts a prefill, however short they are."""


@dataclass
class Row:
    """An answer in progress: the greedy tokens so far, and how sure the model was of them."""

    prompt: Prompt
    tokens: list[int] = field(default_factory=list)
    probabilities: list[float] = field(default_factory=list)
    """Of each greedy token under the model's own distribution, before any penalty."""
    entropy: float = 0.0
    """Of the first token's distribution, in nats."""

    @property
    def columns(self) -> int:
        """Positions of the cache that it fills: the last token is chosen and not yet read."""
        return self.prompt.columns + len(self.tokens) - 1

    @property
    def ended(self) -> bool:
        """Whether the model itself ended the answer."""
        return bool(self.tokens) and self.tokens[-1] in self.prompt.ends

    @property
    def done(self) -> bool:
        """Whether there is nothing more to generate."""
        return self.ended or len(self.tokens) >= self.prompt.limit

    def add(self, token: float, probability: float, entropy: float) -> None:
        """Take the next token; the entropy is that of its distribution."""
        if not self.tokens:
            self.entropy = entropy
        self.tokens.append(int(token))
        self.probabilities.append(probability)


@dataclass
class Pool:
    """Rows that are decoded together, and the state of the model for each."""

    rows: list[Row]
    cache: Cache
    ids: Tensor
    """Prompt and answer of each row; the padding on the left repeats one of the row's own tokens."""
    mask: Tensor
    """1 where a row has a token, 0 where it is padded."""
    padded: bool
    """Whether the ids or the cache hold padding, so that the mask matters."""
    positions: Tensor
    """Of the row's last token, (..., rows, 1)."""
    types: dict[str, Tensor]
    """The token types of a generated token, (rows, 1)."""

    @property
    def nbytes(self) -> int:
        """Memory of its keys and values."""
        return cache_bytes(self.cache)


def greedy(
    model: Any,
    prompts: Sequence[Prompt],
    *,
    batch_size: int,
    batch_tokens: int = 0,
    pool_bytes: int,
) -> Iterator[Row]:
    """Answer every prompt; rows come as they are done.

    Args:
        model: the live model, in evaluation mode.
        prompts: batchable ones.
        batch_size: prompts a prefill.
        batch_tokens: more than that, as long as all are no longer together: short ones leave a device idle.
        pool_bytes: about as much memory for keys and values of unfinished rows; one batch always fits.
    """
    waiting = sorted(prompts, key=lambda prompt: prompt.length, reverse=True)
    pools: list[Pool] = []
    while waiting or pools:
        while waiting and (not pools or sum(pool.nbytes for pool in pools) < pool_bytes):
            together = max(batch_size, min(batch_tokens // waiting[0].length, MOST_TOGETHER))
            fresh = prefill(model, waiting[:together])
            del waiting[:together]
            yield from [row for row in fresh.rows if row.done]
            if not all(row.done for row in fresh.rows):
                pools.append(fresh)
            del fresh
        if not pools:
            continue
        pools = [merge(pools)]
        while True:
            step(model, pools[0])
            done = [row for row in pools[0].rows if row.done]
            # Rows that are done stay until they are a quarter of the pool: leaving costs a copy of the rest.
            if len(done) * 4 >= len(pools[0].rows):
                break
        if len(done) == len(pools[0].rows):
            pools = []
        yield from done


def prefill(model: Any, prompts: Sequence[Prompt]) -> Pool:
    """Read a batch of prompts and choose the first token of each."""
    batch, cache, logits = read_prompts(model, prompts, keep=1)
    types = {name: next_types(name, values) for name, values in batch.types.items()}
    rows = [Row(prompt) for prompt in prompts]
    pool = Pool(rows, cache, batch.ids, batch.mask, batch.padded, batch.positions[..., -1:], types)
    _choose(pool, logits[:, -1], first=True)
    return pool


@torch.no_grad()
def read_prompts(model: Any, prompts: Sequence[Prompt], *, keep: int) -> tuple[Batch, Cache, Tensor]:
    """One forward pass over a batch of prompts.

    Returns:
        The batch, the cache it filled, and the logits of the last `keep` positions, (rows, keep, vocabulary).
    """
    batch = collate(prompts, device=model.device)
    cache = new_cache()
    inputs = model.prepare_inputs_for_generation(
        batch.ids,
        is_first_iteration=True,
        past_key_values=cache,
        attention_mask=batch.mask if batch.padded else None,
        position_ids=batch.positions,
        use_cache=True,
        logits_to_keep=keep,
        **batch.types,
        **({"mm_encoder_outputs": {"image": batch.vision}} if batch.vision is not None else {}),
    )
    return batch, cache, model(**inputs, return_dict=True).logits[:, -keep:]


@torch.no_grad()
def step(model: Any, pool: Pool) -> None:
    """Feed every row its last token and choose the next one."""
    last = pool.ids[:, -1:]
    inputs = model.prepare_inputs_for_generation(
        pool.ids,
        next_sequence_length=1,
        past_key_values=pool.cache,
        attention_mask=pool.mask if pool.padded else None,
        position_ids=pool.positions,
        use_cache=True,
        logits_to_keep=1,
        **{name: values.expand_as(last) for name, values in pool.types.items()},
    )
    _choose(pool, model(**inputs, return_dict=True).logits[:, -1])


@torch.no_grad()
def merge(pools: Sequence[Pool]) -> Pool:
    """One pool of all rows that are not done; the given pools are used up."""
    device = pools[0].mask.device
    alive = [[index for index, row in enumerate(pool.rows) if not row.done] for pool in pools]
    kept = [
        (pool, torch.tensor(rows, device=device)) for pool, rows in zip(pools, alive, strict=True) if rows
    ]
    # Columns that are padding for every row that stays are left behind.
    trims = [int(pool.mask[rows].amax(dim=0).argmax()) for pool, rows in kept]
    width = max(pool.mask.shape[1] - trim for (pool, _), trim in zip(kept, trims, strict=True))
    ids, masks = [], []
    for (pool, rows), trim in zip(kept, trims, strict=True):
        row_ids, mask = pool.ids[rows, trim:], pool.mask[rows, trim:]
        space = width - mask.shape[1]
        ids.append(torch.cat([row_ids[:, :1].expand(-1, space), row_ids], dim=1))
        masks.append(torch.nn.functional.pad(mask, (space, 0)))
    mask = torch.cat(masks)
    together = [pool.rows[index] for pool, rows in kept for index in rows.tolist()]
    # The cache has columns of its own where the model itself expands images.
    needed = [max(pool.rows[index].columns for index in rows.tolist()) for pool, rows in kept]
    unused = [pool.cache.get_seq_length() - columns for (pool, _), columns in zip(kept, needed, strict=True)]
    names = sorted({name for pool, _ in kept for name in pool.types})
    return Pool(
        together,
        pooled([pool.cache for pool, _ in kept], [rows for _, rows in kept], trims=unused),
        torch.cat(ids),
        mask,
        not bool(mask.all()) or len({row.columns for row in together}) > 1,
        torch.cat([pool.positions.index_select(-2, rows) for pool, rows in kept], dim=-2),
        {
            name: torch.cat([_types(pool, name).index_select(0, rows) for pool, rows in kept])
            for name in names
        },
    )


def _types(pool: Pool, name: str) -> Tensor:
    return pool.types.get(name, torch.zeros_like(pool.ids[:, :1]))


@torch.no_grad()
def _choose(pool: Pool, logits: Tensor, *, first: bool = False) -> None:
    """Give every row its greedy token; the rows that are done only keep in step.

    Args:
        pool: the rows.
        logits: of the next token, (rows, vocabulary).
        first: whether it is the first of an answer, whose distribution's entropy is kept.
    """
    logits = logits.float()
    known = [(row.prompt.processors, row.prompt.length + len(row.tokens)) for row in pool.rows]
    tokens = processed(logits, pool.ids, known).argmax(dim=-1)
    # Before the penalties: how sure the model itself is, and not what is left after a rule of the checkpoint.
    log_shares = torch.log_softmax(logits, dim=-1)
    probabilities = log_shares.gather(1, tokens[:, None])[:, 0].exp()
    entropy = torch.special.entr(log_shares.exp()).sum(dim=-1) if first else torch.zeros_like(probabilities)
    # One transfer a step: the device is waited for once (token ids are whole numbers in float32).
    table = torch.stack([tokens.float(), probabilities, entropy], dim=1).tolist()
    for row, entry in zip(pool.rows, table, strict=True):
        if not row.done:
            row.add(*entry)
    pool.ids = torch.cat([pool.ids, tokens[:, None]], dim=1)
    pool.mask = torch.cat([pool.mask, torch.ones_like(pool.mask[:, :1])], dim=1)
    pool.positions = pool.positions + 1


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
