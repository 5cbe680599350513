"""Training a sibling, or a projector alone: float32 masters, bfloat16 products, seeded batches."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from proving_ground.real_pair.families.base import PICTURE_ID, Family
from proving_ground.real_pair.llama import causal, hidden_states, logits
from proving_ground.real_pair.packing import UNLABELLED, Batch, Packer, allowed

WARM_UP = 30
NOISE, DROPPED = 0.1, 0.1
"""Multiplicative noise on what the projector reads, and the share of a picture's vectors that is zeroed."""
CLIP = 1.0
EVERY = 50


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: learning rates of the language model (0: frozen) and of the projector."""

    steps: int
    language: float
    projector: float


class Eyes:
    """What the tower says of every picture, kept where it is computed with, read by batch."""

    def __init__(self, raw: Tensor, tower: Any, family: Family, *, device: str) -> None:
        """Keep the tokens before the last norm, (pictures, 65, 384)."""
        self._raw = raw.to(device)
        self._norm = tower.layernorm.to(device)
        self._family = family

    def __call__(self, numbers: Tensor) -> Tensor:
        """Return what the family's projector reads of these pictures, in float32."""
        raw = self._raw[numbers].float()
        return self._family.seen(raw, self._norm(raw))


def train(
    weights: Mapping[str, Tensor],
    projector: nn.Module,
    eyes: Eyes | None,
    packer: Packer,
    schedule: Schedule,
    *,
    device: str,
    workers: int = 0,
    report: Callable[[dict[str, Any]], None] = print,
) -> dict[str, Tensor]:
    """Train and return the language model's weights in float32; the projector is trained in place.

    Args:
        weights: to begin from, under a Llama's names.
        projector: in float32.
        eyes: the pictures; None for text alone.
        packer: the batches.
        schedule: steps and rates.
        device: where.
        workers: processes that make batches ahead.
        report: is told the loss now and then.
    """
    bf16 = torch.bfloat16
    learns = schedule.language > 0
    table = {name: value.to(device, bf16).requires_grad_(learns) for name, value in weights.items()}
    projector.to(device, bf16).train()
    names = sorted(table) if learns else []
    live = [table[name] for name in names] + list(projector.parameters())
    masters = [weights[name].to(device, torch.float32).clone() for name in names]
    masters += [parameter.detach().float() for parameter in projector.parameters()]
    groups = [
        {"params": masters[: len(names)], "lr": schedule.language},
        {"params": masters[len(names) :], "lr": schedule.projector},
    ]
    groups = [group for group in groups if group["params"]]
    rates = [float(group["lr"]) for group in groups]  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    for master in masters:
        master.grad = torch.zeros_like(master)
    gradients = [gradient for master in masters if (gradient := master.grad) is not None]
    used = _used_rows(packer, like=table["model.embed_tokens.weight"]) if learns else None
    started, losses, tokens = time.monotonic(), torch.zeros((), device=device), 0
    generator = torch.Generator(device=device).manual_seed(packer.seed)
    for step, batch in enumerate(packer.batches(0, schedule.steps, workers=workers)):
        factor = min(1.0, (step + 1) / WARM_UP) * max(0.03, 1 - step / schedule.steps)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * factor
        loss = loss_of(table, projector, eyes, batch, device=device, generator=generator)
        loss.backward()  # type: ignore[no-untyped-call]
        if used is not None:
            embedding = table["model.embed_tokens.weight"].grad
            assert embedding is not None
            embedding.mul_(used)
        fresh = [gradient for parameter in live if (gradient := parameter.grad) is not None]
        torch._foreach_copy_(gradients, fresh)
        norm = torch.nn.utils.get_total_norm(gradients)
        torch._foreach_mul_(gradients, (CLIP / (norm + 1e-6)).clamp(max=1.0))
        for parameter in live:
            parameter.grad = None
        optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(live, masters)
        losses += loss.detach()
        tokens += int((batch.segment >= 0).sum())
        if (step + 1) % EVERY == 0 or step + 1 == schedule.steps:
            seconds = time.monotonic() - started
            done = (step % EVERY) + 1
            report(
                {
                    "step": step + 1,
                    "loss": round(losses.item() / done, 4),
                    "norm": round(norm.item(), 2),
                    "seconds": round(seconds, 1),
                    "tokens": tokens,
                }
            )
            losses.zero_()
    with torch.no_grad():
        projector.float()
        for parameter, master in zip(projector.parameters(), masters[len(names) :], strict=True):
            parameter.copy_(master)
    return dict(zip(names, masters[: len(names)], strict=True)) if learns else dict(weights)


def loss_of(
    table: Mapping[str, Tensor],
    projector: nn.Module,
    eyes: Eyes | None,
    batch: Batch,
    *,
    device: str,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Return the mean cross entropy of the answers' tokens; with a generator pictures are disturbed."""
    ids, segment, positions, targets = (
        torch.from_numpy(values).to(device, non_blocking=True)
        for values in (batch.ids, batch.segment, batch.positions, batch.targets)
    )
    embedded = F.embedding(ids, table["model.embed_tokens.weight"])
    pictures = ids == PICTURE_ID
    shown = batch.pictures[batch.pictures >= 0]
    if len(shown) and eyes is not None:
        seen = eyes(torch.from_numpy(shown).to(device))
        if generator is not None:
            seen = _disturbed(seen, generator)
        vectors = projector(seen.to(embedded.dtype))
        embedded = embedded.masked_scatter(pictures[..., None], vectors)
    mask = causal(allowed(segment), dtype=embedded.dtype)
    hidden = hidden_states(table, embedded, positions=positions, mask=mask, pictures=pictures)
    where = (targets != UNLABELLED).flatten().nonzero().squeeze(1)
    scores = logits(table, hidden.flatten(0, 1)[where])
    return F.cross_entropy(scores, targets.flatten()[where])


def _disturbed(seen: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(seen.shape, device=seen.device, generator=generator)
    kept = torch.rand(seen.shape[:2], device=seen.device, generator=generator) > DROPPED
    return seen * (1 + NOISE * noise) * kept[..., None]


def _used_rows(packer: Packer, *, like: Tensor) -> Tensor:
    """Return 1 for the tokens that the lines hold, 0 for the others: these rows are not moved, (rows, 1)."""
    used = torch.zeros_like(like[:, :1])
    ids: set[int] = set()
    for source in packer.sources:
        for line in source.lines:
            ids.update(line.ask, line.say)
    for before in packer.before:
        ids.update(before)
    ids.discard(PICTURE_ID)
    used[sorted(ids)] = 1
    return used


def start_projector(
    family: Family,
    projector: Any,
    eyes: Eyes,
    words: Sequence[tuple[int, Sequence[int]]],
    embedding: Tensor,
    *,
    device: str,
    steps: int = 400,
) -> float:
    """Solve the projector's last layer so that a picture's vectors land on its word; returns R^2.

    Args:
        family: whose projector it is; one without two plain layers is trained to this aim instead.
        projector: in float32, changed in place.
        eyes: the pictures.
        words: pictures, and the tokens of the word of each.
        embedding: theta_0's table, (vocabulary, width).
        device: where.
        steps: of the descent, where a solution is not to be had.
    """
    projector.to(device)
    numbers = torch.tensor([number for number, _ in words], device=device)
    aims = torch.stack([embedding[list(tokens)].float().mean(0) for _, tokens in words]).to(device)
    if not hasattr(projector, "linear_2"):
        return _fit(projector, eyes, numbers, aims, steps=steps)
    with torch.no_grad():
        if not hasattr(projector, "layer_norm"):
            sample = eyes(numbers[:2000])
            mean, deviation = sample.mean((0, 1)), sample.std((0, 1))
            projector.linear_1.weight.mul_(1.5 / deviation)
            projector.linear_1.bias.sub_(projector.linear_1.weight @ mean)
        gram, cross, total = (torch.zeros((), device=device) for _ in range(3))
        count, total_squares = 0, torch.zeros((), device=device)
        for start in range(0, len(numbers), 256):
            inner = _inner(projector, eyes(numbers[start : start + 256]))
            aim = aims[start : start + 256, None].expand(-1, inner.shape[1], -1).flatten(0, 1).double()
            inner = inner.flatten(0, 1).double()
            inner = torch.cat([inner, torch.ones_like(inner[:, :1])], dim=1)
            gram, cross, count = gram + inner.T @ inner, cross + inner.T @ aim, count + len(inner)
            total, total_squares = total + aim.sum(0), total_squares + (aim**2).sum()
        ridge = 1e-3 * gram.diag().clone()
        ridge[-1] = 1e-6
        solved = torch.linalg.solve(gram + ridge.diag(), cross)
        squares = total_squares - 2 * (solved * cross).sum() + (solved * (gram @ solved)).sum()
        around = total_squares - ((total**2) / count).sum()
        projector.linear_2.weight.copy_(solved[:-1].T.float())
        projector.linear_2.bias.copy_(solved[-1].float())
    return float(1 - squares / around)


def _inner(projector: Any, seen: Tensor) -> Tensor:
    if hasattr(projector, "layer_norm"):
        seen = projector.layer_norm(seen)
    return F.gelu(projector.linear_1(seen))


def _fit(projector: nn.Module, eyes: Eyes, numbers: Tensor, aims: Tensor, *, steps: int) -> float:
    """Train a projector of many layers to the same aim by gradient descent."""
    optimizer = torch.optim.AdamW(projector.parameters(), lr=1e-3, weight_decay=0.0)
    generator = torch.Generator(device=numbers.device).manual_seed(0)
    variance = float(((aims - aims.mean(0)) ** 2).mean())
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * min(1.0, (step + 1) / 20) * (1 - step / steps)
        drawn = torch.randint(len(numbers), (256,), generator=generator, device=numbers.device)
        loss = F.mse_loss(
            projector(eyes(numbers[drawn])), aims[drawn, None].expand(-1, _width(projector), -1)
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return 1 - float(loss.detach()) / variance


def _width(projector: Any) -> int:
    return int(projector.query_embeds.shape[1]) + 1
