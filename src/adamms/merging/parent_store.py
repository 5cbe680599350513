"""Where a search reads its parents, which it merges again for every candidate.

A merge reads its parents from their files, block by block, into main memory. That is best for one merge and
on a CPU. Beside a live model on a GPU the blending is done there: of copies held there, where memory allows
it, or of blocks on their way from the files through page-locked memory. The values are those of the files, so
the results are the same.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from adamms.errors import MachineError
from adamms.merging.blocks import BLOCK_ELEMENTS, ParentStore
from adamms.merging.dtypes import ITEMSIZES, RawTensor, floating_dtype
from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.method import Method

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

SHARE = 0.6
"""Of a GPU's free memory, at most: answering needs the rest."""
READERS = 8
"""Threads that read files for a GPU: one alone is slower than the bus."""


class CachedParents:
    """Copies of every tensor that a merge of these parents reads, on one device."""

    def __init__(self, inputs: MergeInputs, method: Method, *, device: torch.device) -> None:
        """Read them all.

        Raises:
            MachineError: they do not fit.
        """
        self.device = device
        self.on_cpu = device.type == "cpu"
        # On a GPU a small block costs as long as a large one, and one thread can issue all of them.
        self.block_elements = BLOCK_ELEMENTS if self.on_cpu else 1 << 24
        self.readers = READERS if self.on_cpu else 1
        self._files = StreamedParents(device)
        self._copies: dict[tuple[int, str], RawTensor] = {}
        wanted = _read(inputs, method)
        copy = _copy if self.on_cpu else self._files.whole
        try:
            with ThreadPoolExecutor(1 if self.on_cpu else READERS) as threads:
                copies = threads.map(lambda tensor: copy(*tensor), wanted)
                for (source, name), copied in zip(wanted, copies, strict=True):
                    self._copies[id(source), name] = copied
        except (MemoryError, torch.OutOfMemoryError) as error:
            self._copies.clear()
            raise MachineError(
                f"The parents' {size_of(inputs, method)} do not fit on {device}; use --parents mapped."
            ) from error

    def read(self, source: "TensorSource", name: str, start: int, count: int) -> RawTensor:
        """So many elements of a copy; of what no copy was made, from its file."""
        copy = self._copies.get((id(source), name))
        if copy is None:
            raw, dtype = self._files.read(source, name, start, count)
            return RawTensor(raw.numpy() if self.on_cpu else raw, dtype)
        size = ITEMSIZES[copy.dtype]
        return RawTensor(copy.raw[start * size : (start + count) * size], copy.dtype)


class StreamedParents:
    """Blocks of the parents' files on their way to a device; nothing is kept."""

    on_cpu = False
    block_elements = 1 << 22
    readers = READERS

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._locked = device.type == "cuda"
        self._last = threading.local()

    def read(self, source: "TensorSource", name: str, start: int, count: int) -> RawTensor:
        """So many elements from their file, copied to the device."""
        floating_dtype(source.tensors[name], source.source)
        dtype = source.exact_dtype(name)
        size = ITEMSIZES[dtype]
        # torch keeps page-locked memory for reuse, and waits until what is copied out of it has arrived.
        block = torch.empty(count * size, dtype=torch.uint8, pin_memory=self._locked)
        source.read_exact(name, block.numpy().data, start=start)
        arriving = block.to(self.device, non_blocking=True)
        self._wait()
        return RawTensor(arriving, dtype)

    def whole(self, source: "TensorSource", name: str) -> RawTensor:
        """A whole tensor on the device."""
        numel = source.tensors[name].numel
        part, dtype = self.read(source, name, 0, min(self.block_elements, numel))
        copy = torch.empty(numel * ITEMSIZES[dtype], dtype=torch.uint8, device=self.device)
        copy[: len(part)] = part
        for start in range(self.block_elements, numel, self.block_elements):
            part, _ = self.read(source, name, start, min(self.block_elements, numel - start))
            place = start * ITEMSIZES[dtype]
            copy[place : place + len(part)] = part
        return RawTensor(copy, dtype)

    def _wait(self) -> None:
        """Let a thread be two blocks ahead of the device: page-locked memory is scarce."""
        if not self._locked:
            return
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(self.device))
        before, self._last.event = getattr(self._last, "event", None), event
        if before is not None:
            before.synchronize()


def choose_parent_store(
    inputs: MergeInputs, method: Method, *, device: torch.device, wanted: str = "auto"
) -> tuple[ParentStore | None, str]:
    """Where the parents are read for a live model, None for their files in main memory, and why, in a line.

    Args:
        inputs: the models.
        method: the method; one that draws, reduces or sums over rows is computed on a CPU, whatever the live
            model's device.
        device: the live model's.
        wanted: `mapped`, `resident`, or `auto`: resident on a GPU whose memory allows it.

    Raises:
        MachineError: resident parents are asked for and do not fit.
    """
    size = size_of(inputs, method)
    on_device = device.type != "cpu" and elementwise(method)
    place = device if on_device else torch.device("cpu")
    streamed = StreamedParents(device) if on_device else None
    files = "read from their files for every candidate" + (f" and blended on {device}" if on_device else "")
    if wanted == "mapped":
        return streamed, f"The parents are {files} (--parents mapped)."
    if wanted == "resident":
        free = free_memory(place)
        if free is not None and needed(inputs, method) > free:
            raise MachineError(
                f"The parents' {size} do not fit into the {free / 1e9:.1f} GB that are free on {place}; "
                "use --parents mapped."
            )
        return CachedParents(inputs, method, device=place), f"The parents' {size} are held on {place}."
    if not on_device:
        # Beside a CPU the files' pages stay in memory by themselves; a copy saved a sixth of a move.
        return None, f"The parents are {files}."
    free = free_memory(device)
    if free is None or needed(inputs, method) > SHARE * free:
        room = "unknown" if free is None else f"{free / 1e9:.1f} GB"
        return streamed, f"The parents' {size} are {files}: free on {device} is {room}."
    try:
        return CachedParents(inputs, method, device=device), f"The parents' {size} are held on {device}."
    except MachineError:
        return streamed, f"The parents are {files}: their {size} did not fit on {device}."


def elementwise(method: Method) -> bool:
    """Whether a method's values are the same bits on every device: sums come out in another order there."""
    return not method.reductions and not method.by_rows and "seed" not in method.settings


def needed(inputs: MergeInputs, method: Method) -> int:
    """Bytes of all tensors that a merge reads."""
    return sum(source.tensors[name].nbytes for source, name in _read(inputs, method))


def size_of(inputs: MergeInputs, method: Method) -> str:
    """The same for people."""
    size = needed(inputs, method)
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


def _read(inputs: MergeInputs, method: Method) -> list[tuple["TensorSource", str]]:
    """What a merge reads: the base's changed tensors, and those of the others that they are merged with."""
    views = inputs.views_for(method)
    needed: dict[tuple[int, str], tuple[TensorSource, str]] = {}
    for name in inputs.changed(method):
        needed[id(inputs.base), name] = (inputs.base, name)
        for span in inputs.row_spans(name, method):
            for view, source in zip(views, span.sources, strict=False):
                if source is not None:
                    needed[id(view.checkpoint), source[0]] = (view.checkpoint, source[0])
    return list(needed.values())


def _copy(source: "TensorSource", name: str) -> RawTensor:
    info = source.tensors[name]
    floating_dtype(info, source.source)
    dtype = source.exact_dtype(name)
    raw = np.empty(info.numel * ITEMSIZES[dtype], np.uint8)
    source.read_exact(name, raw.data)
    return RawTensor(raw, dtype)
