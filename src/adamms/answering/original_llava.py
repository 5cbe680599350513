"""Bases stored by the LLaVA code base, as live models of transformers' own classes.

The names and classes are declared in `mapping.architectures.llava_original`; here the original config becomes
transformers' config, and the weights are read under translated names. A checkpoint without a vision tower
(LLaVA-1.5, ShareGPT4V) takes the frozen one that its config names. This file knows no candidates; what is
merged is written in the base's own layout by those who write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.checkpoints import Checkpoint
from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.limits import CONFIG
from adamms.errors import SearchError
from adamms.mapping.architectures.llava_original import (
    IGNORED,
    LLAVA,
    NAMES,
    TOWER,
    TOWER_HEADS,
    Stored,
    stored,
)

if TYPE_CHECKING:
    import torch

# What the original config says of the language model, flat beside everything else.
_LANGUAGE = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
    *("num_key_value_heads", "head_dim", "hidden_act", "max_position_embeddings", "rms_norm_eps"),
    *("rope_theta", "rope_scaling", "rope_parameters", "attention_bias", "tie_word_embeddings"),
    *("use_sliding_window", "sliding_window", "max_window_layers", "initializer_range"),
    *("bos_token_id", "eos_token_id", "pad_token_id"),
)
_GRID = re.compile(r"\((\d+)x(\d+)\)")


@dataclass(frozen=True)
class OriginalLlava:
    """A folder in the original layout, and what runs it."""

    folder: Path
    values: Mapping[str, Any]
    """Its config.json."""
    kind: Stored
    vision_tower: str
    """A folder or hub id: of the tower's weights, or only its config where the checkpoint holds a tower."""

    @classmethod
    def of(cls, folder: Path, *, vision_tower: str | None = None) -> OriginalLlava | None:
        """The base in `folder`, None if the LLaVA code base did not store it.

        Raises:
            SearchError: it did, in a way that transformers' classes do not compute.
        """
        try:
            values = read_json(folder / "config.json", limit=CONFIG)
        except (OSError, ValueError):
            return None
        kind = stored(values) if isinstance(values, dict) else None
        if kind is None:
            return None
        base = cls(folder, values, kind, vision_tower or str(values.get("mm_vision_tower") or ""))
        base._check()
        return base

    def _check(self) -> None:
        projector = self.values.get("mm_projector_type", "linear")
        merge = str(self.values.get("mm_patch_merge_type", "flat"))
        for name, value, fits in (
            ("mm_projector_type", projector, projector == "mlp2x_gelu"),
            ("mm_patch_merge_type", merge, merge.startswith(self.kind.merge)),
        ):
            if not fits:
                raise SearchError(
                    f"{self.folder} is a {self.values['architectures'][0]} with {name} {value!r}, which "
                    f"transformers' {self.kind.model_type} does not compute: let its own code answer "
                    "(`adamms merge`, then `adamms select`), or take the version converted for transformers."
                )

    def live_name(self, name: str) -> str:
        """The live parameter that a tensor on disk becomes."""
        for pattern, replacement in NAMES:
            name, replaced = re.subn(pattern, replacement, name)
            if replaced:
                return name
        return name

    def vision_config(self) -> dict[str, Any]:
        """The tower's configuration: from its own config.json, or from the shapes of a known tower."""
        with Checkpoint.open(self.folder) as checkpoint:
            shapes = {
                self.live_name(name).removeprefix(TOWER): info.shape
                for name, info in checkpoint.tensors.items()
                if name.startswith(TOWER)
            }
        heads = next((TOWER_HEADS[name] for name in TOWER_HEADS if self.vision_tower.endswith(name)), None)
        if shapes and heads and not Path(self.vision_tower).is_dir():
            return self._from_shapes(shapes, heads)
        from transformers import AutoConfig

        try:
            config = AutoConfig.from_pretrained(self.vision_tower)
        except (OSError, ValueError) as error:
            raise self._no_tower() from error
        config = getattr(config, "vision_config", config)
        values: dict[str, Any] = config.to_dict()
        if config.model_type != self.kind.tower:
            raise SearchError(
                f"The vision tower {self.vision_tower} is a {config.model_type}; {self.folder} needs a "
                f"{self.kind.tower}. Name another one with --vision-tower."
            )
        if shapes:  # the LLaVA code base drops the layers that it does not use
            values["num_hidden_layers"] = _layers(shapes)
            values |= {"vision_use_head": False} if self.kind is not LLAVA else {}
        return values

    def _from_shapes(self, shapes: Mapping[str, tuple[int, ...]], heads: int) -> dict[str, Any]:
        width, _, patch, _ = shapes["embeddings.patch_embedding.weight"]
        places = shapes["embeddings.position_embedding.weight"][0]
        own = {"vision_use_head": False} if self.kind is not LLAVA else {"projection_dim": 768}
        return own | {
            "model_type": self.kind.tower,
            "hidden_size": width,
            "intermediate_size": shapes["encoder.layers.0.mlp.fc1.weight"][0],
            "num_hidden_layers": _layers(shapes),
            "num_attention_heads": heads,
            "patch_size": patch,
            "image_size": isqrt(places) * patch,  # CLIP has one place more, its class token's
        }

    def _no_tower(self) -> SearchError:
        return SearchError(
            f"The vision tower of {self.folder} is not in the checkpoint or its settings are unknown, and "
            f"{self.vision_tower or 'its config.json, which names none,'} gave neither: pass --vision-tower "
            "with the folder or hub id of the model that its vision tower is."
        )

    def config(self, *, image_token_id: int) -> Any:
        """transformers' configuration of the whole model."""
        from transformers import AutoConfig

        vision = self.vision_config()
        text = {name: self.values[name] for name in _LANGUAGE if self.values.get(name) is not None}
        values: dict[str, Any] = {
            "text_config": {"model_type": self.kind.language, **text},
            "vision_config": vision,
            "image_token_index": image_token_id,
            "vision_feature_select_strategy": "default" if self.kind is LLAVA else "full",
            "tie_word_embeddings": bool(self.values.get("tie_word_embeddings", False)),
        }
        if self.kind is LLAVA:
            if self.values.get("mm_vision_select_feature", "patch") != "patch":
                values["vision_feature_select_strategy"] = "full"
            values["vision_feature_layer"] = self.values.get("mm_vision_select_layer", -2)
            values["image_seq_length"] = (vision["image_size"] // vision["patch_size"]) ** 2
        else:
            # The code base cuts SigLIP's unused layers off and reads the last one, whatever its config says.
            values |= {"vision_feature_layer": -1, "video_token_index": -1}
            values["vision_aspect_ratio"] = self.aspect_ratio
            values["image_grid_pinpoints"] = self.grid(vision["image_size"])
        return AutoConfig.for_model(self.kind.model_type, **values)

    @property
    def aspect_ratio(self) -> str:
        """How an image of any shape is cut or padded."""
        plain = "square" if self.kind is LLAVA else "anyres_max_9"
        return str(self.values.get("image_aspect_ratio") or plain)

    def grid(self, side: int) -> list[list[int]] | None:
        """The resolutions of an image's tiles, (height, width); the original has (width, height)."""
        given = self.values.get("image_grid_pinpoints")
        if isinstance(given, str):
            first, *_, last = [tuple(map(int, pair)) for pair in _GRID.findall(given)] or [(), ()]
            if not first:
                given = json.loads(given.replace("(", "[").replace(")", "]"))
            else:
                columns, rows = (range(first[axis], last[axis] + 1) for axis in (0, 1))
                given = [[side * x, side * y] for x in columns for y in rows]
        return None if given is None else [[height, width] for width, height in given]

    def model(self, *, image_token_id: int, dtype: torch.dtype | None) -> tuple[Any, dict[str, Any]]:
        """The live model and transformers' loading report; `dtype` is the checkpoint's own when None."""
        import transformers

        with Checkpoint.open(self.folder) as checkpoint:
            names = [name for name in checkpoint.tensors if not re.search(IGNORED, name)]
            dtype = dtype or checkpoint.tensor(names[0]).dtype
            # Copies: the live weights are written to, and these views are of the files.
            weights = {self.live_name(name): checkpoint.tensor(name).to(dtype, copy=True) for name in names}
        config = self.config(image_token_id=image_token_id)
        if not any(name.startswith(TOWER) for name in weights):
            weights |= self._tower_weights(dtype)
        loaded: tuple[Any, dict[str, Any]] = getattr(transformers, self.kind.model_class).from_pretrained(
            None, config=config, state_dict=weights, dtype=dtype, output_loading_info=True
        )
        if (self.folder / "generation_config.json").is_file():
            loaded[0].generation_config = transformers.GenerationConfig.from_pretrained(self.folder)
        return loaded

    def _tower_weights(self, dtype: torch.dtype) -> dict[str, torch.Tensor]:
        import transformers

        tower = {"clip_vision_model": "CLIPVisionModel", "siglip_vision_model": "SiglipVisionModel"}
        try:
            model = getattr(transformers, tower[self.kind.tower]).from_pretrained(
                self.vision_tower, dtype=dtype
            )
        except (OSError, ValueError) as error:
            raise self._no_tower() from error
        return {f"{TOWER}{name}": value for name, value in model.state_dict().items()}


def _layers(shapes: Mapping[str, tuple[int, ...]]) -> int:
    return sum(1 for name in shapes if re.fullmatch(r"encoder\.layers\.\d+\.mlp\.fc1\.weight", name))
