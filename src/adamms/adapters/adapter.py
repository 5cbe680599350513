"""A PEFT adapter on disk or on a hub: its settings, its tensors by the module they change, from headers only.

It is a small checkpoint under other file names, read by the same strict readers. It knows PEFT's names and no
model: which of a model's tensors a module is, `adapter_targets` says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from adamms.adapters.adapter_config import LoraSettings
from adamms.adapters.adapter_files import ADAPTER
from adamms.checkpoints import Checkpoint
from adamms.checkpoints.floats import FLOATS, widened
from adamms.checkpoints.tensor_info import DTYPE_BITS
from adamms.errors import CheckpointError

# What PEFT puts before the names of the modules that it wraps.
PREFIX = re.compile(r"^(base_model\.model\.|base_model\.)")
# `module.lora_A.weight`; an adapter's own name may stand between the two (`lora_A.default.weight`).
LORA = re.compile(
    r"(?P<module>.+)\.(?P<kind>lora_A|lora_B|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)"
    r"(?:\.(?!(?:weight|bias)$)[^.]+)?(?:\.(?P<what>weight|bias))?"
)
# PEFT's wrappers in the names of tensors that are stored whole.
WRAPPED = re.compile(r"\.(base_layer|modules_to_save(\.default)?)(?=\.)")
CHUNK = 1 << 20
"""Elements that are looked at together."""


@dataclass(frozen=True)
class LoraModule:
    """The tensors of one module by their kind: `lora_A`, `lora_B`, `lora_magnitude_vector`, `lora_B.bias`."""

    name: str
    tensors: Mapping[str, str]


class Adapter:
    """An opened adapter.

    Attributes:
        stored: its files.
        settings: what its configuration says.
        modules: the modules that low-rank matrices change, under the names of the model that was trained.
        replacements: tensors that replace the model's, by the model's name for them.
    """

    def __init__(self, stored: Checkpoint) -> None:
        self.stored = stored
        self.settings = LoraSettings.of(stored.config, source=stored.source)
        self.modules, self.replacements = self._sorted()

    @classmethod
    def open(cls, source: str, *, download: bool) -> "Adapter":
        """Open an adapter: a folder, or a hub id with or without a revision.

        Raises:
            CheckpointError: there is none, it is malformed, or of a kind that cannot be folded.
        """
        return cls(Checkpoint.open(source, download=download, layout=ADAPTER))

    @property
    def source(self) -> str:
        """The folder's absolute path, or the hub id."""
        return self.stored.source

    def close(self) -> None:
        """Close its files."""
        self.stored.close()

    def _sorted(self) -> tuple[tuple[LoraModule, ...], dict[str, str]]:
        modules: dict[str, dict[str, str]] = {}
        replacements: dict[str, str] = {}
        for name, info in self.stored.tensors.items():
            if info.dtype not in FLOATS:
                raise CheckpointError(
                    f"{name} in the adapter {self.source} is stored as {info.dtype}, which cannot be added "
                    "to weights; export the adapter in float32, float16 or bfloat16."
                )
            plain = PREFIX.sub("", name)
            match = LORA.fullmatch(plain)
            if match is None:
                group, key = replacements, WRAPPED.sub("", plain)
            else:
                suffix = ".bias" if match["what"] == "bias" else ""
                group, key = modules.setdefault(match["module"], {}), match["kind"] + suffix
            if key in group:
                raise CheckpointError(
                    f"{name} and {group[key]} in the adapter {self.source} are for the same weight; keep one "
                    "adapter's tensors in the file."
                )
            group[key] = name
        return tuple(LoraModule(name, tensors) for name, tensors in modules.items()), replacements

    def identity(self) -> dict[str, Any]:
        """What a merge records of an adapter."""
        return {**self.stored.identity(), "fingerprint": self.fingerprint()}

    def fingerprint(self) -> str:
        """A cheap identity: the hub commit, or a hash of the settings, headers and sampled data."""
        if self.stored.revision:
            return self.stored.fingerprint()
        return f"sha256:{sha256(f'{self.settings} {self.stored.fingerprint()}'.encode()).hexdigest()}"

    def require_data(self) -> None:
        """Make sure that the files are complete and hold numbers only; an adapter is small enough to look.

        Raises:
            CheckpointError: a file is cut off, or a tensor holds NaN or infinity.
        """
        self.stored.require_data()
        for info in self.stored.tensors.values():
            size = DTYPE_BITS[info.dtype] // 8
            bad = 0
            for start in range(0, info.numel, CHUNK):
                count = min(CHUNK, info.numel - start)
                values = widened(self.stored.read_bytes(info.name, start * size, count * size), info.dtype)
                bad += int(np.count_nonzero(~np.isfinite(values)))
            if bad:
                raise CheckpointError(
                    f"{info.name} in the adapter {self.source} holds {bad} NaN or infinite values; the "
                    "adapter is damaged, download or export it again."
                )
