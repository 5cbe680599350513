"""What a model of a run weighs and how much arithmetic a token of it is, from its headers and configs alone.

No tensor is read. What a picture becomes differs from family to family; `pictures` estimates it from the
configs, and a processor that is at hand tells it exactly (`calibration.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, prod
from typing import TYPE_CHECKING, Any

from adamms.mapping.inspection import inspect_checkpoint
from adamms.mapping.slots import EMBED, HEAD

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

CLIP = (24 * 24, 24 * 24)
"""Tokens and patches of a picture where a config tells neither: CLIP ViT-L/14 at 336 pixels."""
VISION = ("vision_config", "visual_config", "vision_tower_config", "visual")
PREPROCESSOR = "preprocessor_config.json"
MOST_TILES = 12


@dataclass(frozen=True)
class ModelSize:
    """A model in bytes and multiplications."""

    source: str
    stored_bytes: int
    """Of all its weights, as they are stored."""
    parameters: int
    active: int
    """Parameters of the decoder's layers that a token passes; a duplicate for images is passed instead."""
    head: int
    """Of the table that makes logits."""
    layers: int
    hidden: int
    inner: int
    """Rows of the largest matrix of a layer."""
    vision: int
    """Parameters of towers and projectors."""
    tensors: int
    image_tokens: int
    """That a picture becomes, estimated."""
    patches: int
    """That the tower sees of a picture."""

    def live_bytes(self, itemsize: int | None) -> int:
        """Of its weights in memory, in a dtype of so many bytes; None is its own."""
        return self.stored_bytes if itemsize is None else self.parameters * itemsize

    @classmethod
    def of(cls, model: TensorSource, *, picture: tuple[int, int] = (448, 448)) -> ModelSize:
        """Measure a model.

        Args:
            model: opened; its headers suffice.
            picture: width and height of the pictures that it will be shown.
        """
        inspection = inspect_checkpoint(model)
        language = inspection.language_model
        table = head = inner = 0
        for slot in inspection.slots:
            if slot.duplicate:
                continue
            if slot.role == EMBED:
                table += slot.parameters
            elif slot.role == HEAD:
                head += slot.parameters
            elif slot.shape:
                inner = max(inner, slot.shape[0])
        duplicates = sum(slot.parameters for slot in inspection.duplicates)
        decoder = language.parameters if language else inspection.parameters
        # A plain language model sees nothing; towers that lie elsewhere are named in the config.
        sees = inspection.parameters > decoder or any("vision" in key for key in model.config)
        tokens, patches = pictures(model, picture) if sees else (0, 0)
        return cls(
            model.source,
            inspection.bytes,
            inspection.parameters,
            max(decoder - duplicates - table - head, 0),
            head or table,
            language.layers if language else 1,
            language.hidden if language else 1,
            inner or 1,
            inspection.parameters - decoder,
            inspection.tensors,
            tokens,
            patches,
        )


def pictures(model: TensorSource, size: tuple[int, int]) -> tuple[int, int]:
    """The tokens and the patches of a picture of so many pixels, estimated from the model's configs.

    Args:
        model: whose configs.
        size: width and height.
    """
    config, processor = model.config, _preprocessor(model)
    vision: Mapping[str, Any] = next(
        (config[key] for key in VISION if isinstance(config.get(key), Mapping)), {}
    )
    vision = vision.get("visual_model", vision)
    side, patch = _number(vision.get("image_size")), _number(vision.get("patch_size"))
    merge = _number(vision.get("spatial_merge_size"))
    if patch and merge:
        return _by_pixels(size, patch * merge, processor, merge=merge)
    side = _number(processor.get("size")) or side
    patches = (side // patch) ** 2 if side and patch else CLIP[1]
    tokens = _number(config.get("image_seq_length")) or _number(config.get("mm_tokens_per_image"))
    ratio = config.get("downsample_ratio")
    queries = config.get("visual_config", {}).get("visual_abstractor", {}).get("num_learnable_queries")
    queries = queries or _number(config.get("query_num"))
    if not tokens:
        tokens = queries or int(patches * (ratio**2 if isinstance(ratio, float) else 1))
    tiles = 1
    if processor.get("crop_to_patches") or any(
        config.get(key) for key in ("image_grid_pinpoints", "max_dynamic_patch", "slice_config")
    ):
        tiles = _tiles(size, side or 336)
    return tokens * tiles, patches * tiles


def _by_pixels(
    size: tuple[int, int], cell: int, processor: Mapping[str, Any], *, merge: int
) -> tuple[int, int]:
    """Of a tower that takes pictures as they are: one token a cell."""
    edges = processor.get("size")
    edges = edges if isinstance(edges, Mapping) else {}
    least = processor.get("min_pixels") or edges.get("shortest_edge") or 4 * cell * cell
    most = processor.get("max_pixels") or edges.get("longest_edge") or 1280 * cell * cell
    pixels = min(max(prod(size), least), most)
    tokens = max(round(pixels / cell**2), 1)
    return tokens, tokens * merge * merge


def _tiles(size: tuple[int, int], side: int) -> int:
    """Parts that a large picture is cut into, and the picture itself beside them."""
    cut = min(prod(ceil(length / side) for length in size), MOST_TILES)
    return cut + 1 if cut > 1 else 1


def _preprocessor(model: TensorSource) -> Mapping[str, Any]:
    # Late: a merge needs none of it.
    from adamms.checkpoints.limits import CONFIG
    from adamms.checkpoints.weight_files import parse_json_object

    if not model.files.has(PREPROCESSOR):
        return {}
    what = f"{PREPROCESSOR} in {model.source}"
    return parse_json_object(model.files.contents(PREPROCESSOR, limit=CONFIG), what=what)


def _number(value: object) -> int:
    """A length that configs give as a number, a pair, or by its names."""
    if isinstance(value, Mapping):
        value = value.get("height") or value.get("shortest_edge")
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
