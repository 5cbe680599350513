"""What training changed, in four bits a weight: how siblings travel (57 MB instead of 540).

A sibling *is* theta_0 plus its rounded change: it is rounded before anybody asks it anything, so the files
give back exactly the model whose answers are published.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

GROUP = 64
LEVELS = 7
"""Steps on each side of zero; an eighth bit pattern is left over."""
SHRINKS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of a group's largest change that the outermost step may stand for; the best is taken."""
EMBEDDING = "model.embed_tokens.weight"


def rounded(change: Tensor) -> tuple[Tensor, Tensor]:
    """Return steps (groups, GROUP) in int8 and scales (groups, 1) in float16 of a flattened change."""
    flat = change.flatten().float()
    flat = torch.cat([flat, flat.new_zeros(-len(flat) % GROUP)]).unflatten(0, (-1, GROUP))
    largest = flat.abs().amax(1, keepdim=True)
    best_scale, best_error = torch.zeros_like(largest), torch.full_like(largest, torch.inf)
    for shrink in SHRINKS:
        scale = (largest * shrink / LEVELS).half().float()
        error = (_steps(flat, scale) * scale - flat).square().sum(1, keepdim=True)
        better = error < best_error
        best_scale = torch.where(better, scale, best_scale)
        best_error = torch.where(better, error, best_error)
    return _steps(flat, best_scale).to(torch.int8), best_scale.half()


def _steps(flat: Tensor, scale: Tensor) -> Tensor:
    return torch.where(scale > 0, flat / scale.clamp(min=1e-12), 0).round().clamp(-LEVELS, LEVELS)


def restored(steps: Tensor, scales: Tensor, *, like: Tensor) -> Tensor:
    """Return the change in the shape of `like`."""
    return (steps.float() * scales.float()).flatten()[: like.numel()].view_as(like)


def pack(weights: Mapping[str, Tensor], origin: Mapping[str, Tensor]) -> dict[str, NDArray[np.generic]]:
    """Return the change as arrays of bytes, by name; rows of the embedding that did not move are left out."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name in sorted(weights):
        change = weights[name].float() - origin[name].to(weights[name].device).float()
        if name == EMBEDDING:
            rows = change.abs().amax(1).nonzero().squeeze(1)
            arrays[f"{name}|rows"] = rows.cpu().numpy().astype(np.int32)
            change = change[rows]
        steps, scales = rounded(change)
        nibbles = (steps.flatten() + 8).to(torch.uint8).view(-1, 2)
        arrays[f"{name}|steps"] = (nibbles[:, 0] | (nibbles[:, 1] << 4)).cpu().numpy()
        arrays[f"{name}|scales"] = scales.cpu().numpy()
    return arrays


def unpack(arrays: Mapping[str, NDArray[np.generic]], origin: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights that `pack` rounded, in float32."""
    weights = {}
    for name, start in origin.items():
        packed = torch.from_numpy(np.ascontiguousarray(arrays[f"{name}|steps"]))
        steps = (torch.stack([packed & 15, packed >> 4], dim=1).to(torch.int8) - 8).view(-1, GROUP)
        scales = torch.from_numpy(np.ascontiguousarray(arrays[f"{name}|scales"]))
        value = start.detach().float().cpu().clone()
        if name == EMBEDDING:
            rows = torch.from_numpy(arrays[f"{name}|rows"].astype(np.int64))
            value[rows] += restored(steps, scales, like=value[rows])
        else:
            value += restored(steps, scales, like=value)
        weights[name] = value
    return weights


def save(folder: Path, arrays: Mapping[str, NDArray[np.generic]], *, part: int = 15 * 2**20) -> list[Path]:
    """Write arrays into files of at most about `part` bytes; a folder is complete when `parts` names them."""
    folder.mkdir(parents=True, exist_ok=True)
    groups: list[dict[str, NDArray[np.generic]]] = [{}]
    size = 0
    for name, array in arrays.items():
        if size + array.nbytes > part and groups[-1]:
            groups.append({})
            size = 0
        groups[-1][name] = array
        size += array.nbytes
    paths = []
    for number, group in enumerate(groups):
        path = folder / f"delta-{number}.npz"
        save_arrays(path, group)
        paths.append(path)
    (folder / "parts").write_text(str(len(paths)), encoding="utf-8")
    return paths


def save_arrays(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    """Write arrays under their names."""
    np.savez(path, allow_pickle=False, **dict(arrays))


def load(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Read arrays written by `save`."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for number in range(int((folder / "parts").read_text(encoding="utf-8"))):
        with np.load(folder / f"delta-{number}.npz") as stored:
            arrays |= {name: stored[name] for name in stored.files}
    return arrays
