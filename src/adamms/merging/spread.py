"""Candidates for a live model that lies on several devices: each tensor is blended where it belongs."""

from collections.abc import Collection, Iterator, Mapping, Sequence

import torch

from adamms.merging.merge_inputs import MergeInputs
from adamms.merging.method import Method
from adamms.merging.parent_store import StreamedParents, elementwise
from adamms.merging.tensors import CandidateWeights, TensorMerger


class SpreadMerger:
    """Merges of one set of parents, on several devices; the parents are read from their files."""

    def __init__(self, inputs: MergeInputs, method: Method, devices: Sequence[torch.device]) -> None:
        """Read nothing yet; a method that is not the same everywhere is computed in main memory."""
        self.inputs = inputs
        gpus = [device for device in devices if device.type != "cpu" and elementwise(method)]
        self._mergers = {device: TensorMerger(inputs, store=StreamedParents(device)) for device in gpus}
        self._mergers[torch.device("cpu")] = TensorMerger(inputs)

    def candidate(self, method: Method) -> "SpreadCandidate":
        """All tensors at one method's settings."""
        return SpreadCandidate({device: merger.candidate(method) for device, merger in self._mergers.items()})


class SpreadCandidate:
    """The merged tensors of one method's settings, on their way into a live model on several devices."""

    def __init__(self, parts: Mapping[torch.device, CandidateWeights]) -> None:
        """Merge nothing yet."""
        self._parts = parts
        first = next(iter(parts.values()))
        self._first, self.inputs, self.method = first, first.inputs, first.method
        self.workers = max(part.workers for part in parts.values())

    def __call__(self, name: str) -> torch.Tensor:
        """A whole merged tensor, on the first device."""
        return self._first(name)

    def stream(self, names: Collection[str]) -> Iterator[tuple[str, torch.Tensor]]:
        """Whole merged tensors on the first device, layers in their order."""
        return self._first.stream(names)

    def accepts(self, name: str, place: torch.Tensor) -> bool:
        """Whether a tensor can be merged into `place` as it lies there."""
        part = self._parts.get(place.device)
        return part is not None and part.accepts(name, place)

    def write_into(self, name: str, place: torch.Tensor) -> None:
        """Merge a tensor into the memory of a live one that accepts it; see `check`."""
        self._parts[place.device].write_into(name, place)

    def check(self) -> None:
        """Wait for what was written, and insist that it is in range."""
        for part in self._parts.values():
            part.check()
