"""The parents' tensors held in memory, for a search that merges them again for every candidate.

A merge reads its parents from their files, block by block, which is best for one merge and costs the bus for
every candidate when the live model is on a GPU: copies held there are blended where they lie. The values are
those of the files, so the results are the same. Knows no models and no candidates.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from adamms.errors import MachineError
from adamms.merging.method import Method
from adamms.merging.parents import Parents
from adamms.merging.stored import floating_dtype

if TYPE_CHECKING:
    from adamms.checkpoints import Checkpoint

SHARE = 0.6
"""Of a GPU's free memory, at most: answering needs the rest."""


class ResidentTensors:
    """Copies of every tensor that a merge of these parents reads, on one device."""

    def __init__(self, parents: Parents, method: Method, *, device: torch.device) -> None:
        """Read them all.

        Raises:
            MachineError: they do not fit.
        """
        self.device = device
        self.on_cpu = on_cpu = device.type == "cpu"
        self._copies: dict[tuple[int, str], tuple[Any, str]] = {}
        try:
            for source, name in _read(parents, method):
                raw, dtype = _copy(source, name)
                self._copies[id(source), name] = raw if on_cpu else torch.from_numpy(raw).to(device), dtype
        except (MemoryError, torch.OutOfMemoryError) as error:
            self._copies.clear()
            raise MachineError(
                f"The parents' {size_of(parents, method)} do not fit on {device}; use --parents mapped."
            ) from error

    def find(self, source: "Checkpoint", name: str) -> tuple[Any, str] | None:
        """A tensor's bytes and what they are: as stored, or before rounding where an adapter changes them.

        An array on a CPU, elsewhere a uint8 tensor; not to be written to.
        """
        return self._copies.get((id(source), name))


def held_for(
    parents: Parents, method: Method, *, device: torch.device, wanted: str = "auto"
) -> tuple[ResidentTensors | None, str]:
    """The resident parents, or None for mapped ones, and why, in a line.

    Args:
        parents: the models.
        method: the method; one that draws, measures or sums over rows works on a CPU, whatever the live
            model's device.
        device: the live model's.
        wanted: `mapped`, `resident`, or `auto`: resident on a GPU whose memory allows it.

    Raises:
        MachineError: resident parents are asked for and do not fit.
    """
    size = size_of(parents, method)
    if wanted == "mapped":
        return None, "The parents are read from their files for every candidate (--parents mapped)."
    on_device = device.type != "cpu" and elementwise(method)
    place = device if on_device else torch.device("cpu")
    if wanted == "resident":
        free = free_memory(place)
        if free is not None and needed(parents, method) > free:
            raise MachineError(
                f"The parents' {size} do not fit into the {free / 1e9:.1f} GB that are free on {place}; "
                "use --parents mapped."
            )
        return ResidentTensors(parents, method, device=place), f"The parents' {size} are held on {place}."
    if not on_device:
        # Beside a CPU the files' pages stay in memory by themselves; a copy saved a sixth of a move.
        return None, "The parents are read from their files for every candidate."
    free = free_memory(device)
    if free is None or needed(parents, method) > SHARE * free:
        told = "unknown" if free is None else f"{free / 1e9:.1f} GB"
        return None, (
            f"The parents' {size} are read from their files for every candidate: free on {device} is {told}."
        )
    try:
        return ResidentTensors(parents, method, device=device), f"The parents' {size} are held on {device}."
    except MachineError:
        return None, f"The parents are read from their files: their {size} did not fit on {device}."


def elementwise(method: Method) -> bool:
    """Whether a method's values are the same bits on every device: sums come out in another order there."""
    return not method.passes and not method.by_rows and "seed" not in method.settings


def needed(parents: Parents, method: Method) -> int:
    """Bytes of all tensors that a merge reads."""
    return sum(source.tensors[name].nbytes for source, name in _read(parents, method))


def size_of(parents: Parents, method: Method) -> str:
    """The same for people."""
    size = needed(parents, method)
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def free_memory(device: torch.device) -> int | None:
    """Bytes that can be had on a device, None where that is not known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    fields = (line.split() for line in lines if line.startswith("MemAvailable:"))
    return next((int(field[1]) * 1024 for field in fields), None)


def _read(parents: Parents, method: Method) -> list[tuple["Checkpoint", str]]:
    """What a merge reads: the base's changed tensors, and those of the others that they are merged with."""
    views = parents.views_for(method)
    found: dict[tuple[int, str], tuple[Checkpoint, str]] = {}
    for name in parents.changed(method):
        found[id(parents.base), name] = (parents.base, name)
        for run in parents.runs(name, method):
            for view, source in zip(views, run.sources, strict=False):
                if source is not None:
                    found[id(view.checkpoint), source[0]] = (view.checkpoint, source[0])
    return list(found.values())


def _copy(source: "Checkpoint", name: str) -> tuple[np.ndarray, str]:
    info = source.tensors[name]
    exact = source.unrounded(name, start=0, count=info.numel)
    if exact is not None:
        return exact.view(np.uint8), "F64" if exact.dtype == np.float64 else "F32"
    raw = np.empty(info.nbytes, np.uint8)
    source.read_into(name, raw.data)
    return raw, floating_dtype(info, source.source)
