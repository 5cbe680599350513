"""What travels with a model besides its weights: config, tokenizer, processor, chat template, remote code.

Everything is carried over except what the merge replaces (weights, their indices, the model card), what
training left behind, and the same weights in other formats.
"""

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from adamms.checkpoints.limits import COMPANIONS, CONFIG
from adamms.checkpoints.model_files import IGNORED_FOLDERS
from adamms.checkpoints.weight_files import parse_json_object
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.checkpoints.tensor_source import TensorSource

# Weights in any format, and training's leftovers, by the end of their names (compared in lower case).
LEFT_BEHIND = (
    ".safetensors",
    ".bin",
    ".pth",
    ".ckpt",
    ".gguf",
    ".ggml",
    ".onnx",
    ".onnx_data",
    ".h5",
    ".msgpack",
    ".tflite",
    ".nemo",
    ".distcp",
    ".safetensors.index.json",
    ".bin.index.json",
    ".h5.index.json",
    ".msgpack.index.json",
    ".incomplete",
    ".ds_store",
)
# Files of one name that the merge writes itself, or that tell of the base's training only.
LEFT_BEHIND_NAMES = (
    "readme.md",
    # An adapter beside merged weights: they are not its model, and loading would look for its weights.
    "adapter_config.json",
    "adamms.json",
    "trainer_state.json",
    "optimizer.pt",
    "scheduler.pt",
    "model.pt",
    "pytorch_model.pt",
)
# Folders of other copies of the weights and of training runs.
LEFT_BEHIND_FOLDERS = (*IGNORED_FOLDERS, "original", "onnx", "openvino", "coreml", "runs", "wandb")
LEFT_BEHIND_PREFIXES = ("checkpoint-", "global_step", "events.out.tfevents", "rng_state")

ABOUT = "adamms.json"
"""What a merge records of itself."""
CARRIED = "carried"
"""In there: the names of the files that it carried over from the base."""

DTYPE_KEYS = ("torch_dtype", "dtype")


# Our own outputs inside the folder: each has one of these at its top; and our work folders and locks.
OUTPUT_MARKERS = ("adamms.json", "selection.json")
WORK_FILES = re.compile(r"\..+\.adamms-\w+")


def auxiliary_files(names: Iterable[str]) -> tuple[str, ...]:
    """Those of a checkpoint's files that travel with the model, in the order given."""
    paths = [PurePosixPath(name) for name in names]
    outputs = {path.parent for path in paths if path.name in OUTPUT_MARKERS} - {PurePosixPath()}
    return tuple(str(path) for path in paths if _travels(path) and outputs.isdisjoint(path.parents))


def _travels(path: PurePosixPath) -> bool:
    name = path.name.lower()
    if name.endswith(LEFT_BEHIND) or name in LEFT_BEHIND_NAMES or name.startswith(LEFT_BEHIND_PREFIXES):
        return False
    if any(WORK_FILES.fullmatch(part) for part in path.parts):
        return False
    return not any(
        folder in LEFT_BEHIND_FOLDERS or folder.startswith(LEFT_BEHIND_PREFIXES) for folder in path.parts[:-1]
    )


def require_auxiliary_files(model: "TensorSource") -> None:
    """Make sure that what travels along is files inside the checkpoint: others open them by their paths.

    Raises:
        CheckpointError: one is a link that leads outside or to nothing, a pipe or a device.
    """
    for name in model.auxiliary_files():
        model.files.local_path(name)


def copy_auxiliary_files(base: "TensorSource", folder: Path, *, dtype: str | None) -> None:
    """Copy a model's auxiliary files into `folder`; its config as it is seen, with `dtype` naming that.

    Raises:
        CheckpointError: one of them is a link to a place outside the checkpoint.
    """
    companions_size(base)
    for name in base.auxiliary_files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name == "config.json":
            config = base.config if dtype is None else with_dtype(base.config, dtype)
            if config != parse_json_object(base.files.contents(name, limit=CONFIG), what=name):
                target.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
                continue
        # The contents only: a hub cache's blobs are read-only, the output should not be.
        shutil.copyfile(base.files.local_path(name), target)


def companions_size(base: "TensorSource") -> int:
    """The bytes of all auxiliary files of a model.

    Raises:
        CheckpointError: they are more than any model brings along.
    """
    sizes = {name: base.files.size(name) for name in base.auxiliary_files()}
    total = sum(sizes.values())
    if total > COMPANIONS:
        largest = max(sizes, key=lambda name: sizes[name])
        raise CheckpointError(
            f"Beside its weights {base.source} brings {total / 1e9:.1f} GB of files, the largest {largest}; "
            f"no model needs more than {COMPANIONS / 1e9:.0f} GB, so take it away."
        )
    return total


def with_dtype(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    """A config in which every stated storage dtype, nested ones included, is `dtype`."""
    changed: dict[str, Any] = {}
    for key, value in config.items():
        if key in DTYPE_KEYS and isinstance(value, str):
            changed[key] = dtype
        elif isinstance(value, dict):
            changed[key] = with_dtype(value, dtype)
        else:
            changed[key] = value
    return changed
