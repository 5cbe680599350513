"""The vision encoder of every sibling: DINOv2-small, as it is, renamed, or under mPLUG-Owl2's names.

InternVL's tower holds DINOv2 exactly. mPLUG-Owl2's has a LayerNorm before its first layer: a large constant
pattern is put under the positions, so that this norm divides every token by nearly the same number, and is
taken away behind it; what differs after that is measured by a test.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE, PATCH, WIDTH, TOWER_LAYERS, TOWER_HEADS = 112, 14, 384, 12, 6
"""Pixels of a picture's side and of a patch's, the tower's hidden width, layers and heads."""
CELLS = SIDE // PATCH
TOKENS = CELLS * CELLS + 1
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PATTERN = 30.0
"""How large the constant pattern is; the embeddings' own standard deviation is about one."""
BATCH = 256


@torch.no_grad()
def read_pictures(tower: Any, pixels: Tensor, *, device: str) -> Tensor:
    """Return the tower's tokens before its last norm, (pictures, 65, 384) in float32 on the CPU.

    Args:
        tower: a `Dinov2Model`.
        pixels: bytes, (pictures, 112, 112, 3).
        device: computes.
    """
    tower = tower.to(device).eval()
    parts = []
    for values in normalised(pixels, device=device):
        states = tower(values, output_hidden_states=True).hidden_states[-1]
        parts.append(states.float().cpu())
    return torch.cat(parts)


def normalised(pixels: Tensor, *, device: str) -> Iterator[Tensor]:
    """Yield batches of pixel values as the image processors make them, (pictures, 3, 112, 112)."""
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (MEAN, STD))
    for start in range(0, len(pixels), BATCH):
        values = pixels[start : start + BATCH].to(device).permute(0, 3, 1, 2).float() / 255
        yield (values - mean) / std


def last_norm(tower: Any, states: Tensor) -> Tensor:
    """Return tokens after DINOv2's last norm."""
    norm = tower.layernorm
    return F.layer_norm(states, (WIDTH,), norm.weight.to(states), norm.bias.to(states), norm.eps)


def internvl_names(tower: Any) -> dict[str, Tensor]:
    """Return DINOv2 under the names of `InternVLVisionModel`."""
    renamed = (
        ("attention.o_proj", "attention.projection_layer"),
        ("norm1", "layernorm_before"),
        ("norm2", "layernorm_after"),
        ("layer_scale1.lambda1", "lambda_1"),
        ("layer_scale2.lambda1", "lambda_2"),
    )
    table = {}
    for name, value in tower.state_dict().items():
        if "mask_token" in name:
            continue
        for old, new in renamed:
            name = name.replace(old, new)
        table[name] = value.clone()
    return table


@torch.no_grad()
def mplug_owl2_names(tower: Any) -> dict[str, Tensor]:
    """Return DINOv2 for 112 pixels under the names of mPLUG-Owl2's tower."""
    own = {name: value.float().cpu() for name, value in tower.state_dict().items()}
    table = _embeddings(tower, own)
    for layer in range(TOWER_LAYERS):
        table |= _layer(own, layer)
    table["post_layernorm.weight"], table["post_layernorm.bias"] = (
        own["layernorm.weight"],
        own["layernorm.bias"],
    )
    return table


def _embeddings(tower: Any, own: dict[str, Tensor]) -> dict[str, Tensor]:
    blank = torch.zeros(1, TOKENS, WIDTH)
    positions = tower.embeddings.interpolate_pos_encoding(blank, SIDE, SIDE).float().cpu().clone()
    positions[:, 1:] += own["embeddings.patch_embeddings.projection.bias"]
    pattern = PATTERN * _quiet_direction(positions[0], own["embeddings.patch_embeddings.projection.weight"])
    return {
        "embeddings.cls_token": own["embeddings.cls_token"],
        "embeddings.patch_embed.weight": own["embeddings.patch_embeddings.projection.weight"],
        "embeddings.position_embedding": positions + pattern,
        "embeddings.pre_layernorm.weight": torch.full((WIDTH,), PATTERN),
        "embeddings.pre_layernorm.bias": -pattern,
    }


def _quiet_direction(positions: Tensor, patches: Tensor) -> Tensor:
    """Return the direction, of mean 0 and mean square 1, along which embeddings vary least: it is lost."""
    rows = torch.cat([positions.T, 0.1 * patches.flatten(1)], dim=1).double()
    scatter = rows @ rows.T + 1e6 * torch.ones(WIDTH, WIDTH, dtype=torch.float64)  # nor along the mean
    direction = torch.linalg.eigh(scatter).eigenvectors[:, 0].float()
    return (direction - direction.mean()) * WIDTH**0.5


def _layer(own: dict[str, Tensor], layer: int) -> dict[str, Tensor]:
    old, new = f"encoder.layer.{layer}.", f"encoder.layers.{layer}."
    if f"{old}norm1.weight" not in own:
        old = f"layers.{layer}."
    table = {}
    for end in ("weight", "bias"):
        parts = [own[f"{old}attention.{part}_proj.{end}"].unflatten(0, (TOWER_HEADS, -1)) for part in "qkv"]
        table[f"{new}self_attn.query_key_value.{end}"] = torch.stack(parts, dim=1).flatten(0, 2)
        table[f"{new}input_layernorm.{end}"] = own[f"{old}norm1.{end}"]
        table[f"{new}post_attention_layernorm.{end}"] = own[f"{old}norm2.{end}"]
        table[f"{new}mlp.fc1.{end}"] = own[f"{old}mlp.fc1.{end}"]
        for part, source, scale in (
            ("self_attn.dense", "attention.o_proj", "layer_scale1"),
            ("mlp.fc2", "mlp.fc2", "layer_scale2"),
        ):
            factor = own[f"{old}{scale}.lambda1"]
            value = own[f"{old}{source}.{end}"]
            table[f"{new}{part}.{end}"] = value * (factor[:, None] if end == "weight" else factor)
    return table
