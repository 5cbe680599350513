"""What is asked is what is merged: a live model's parameters are compared with the files it was mapped from.

A checkpoint can make its loader take other weights than those that lie under their names: a key of its
config, a hook of its own class, an adapter beside it, a second file. The answers would then be another
model's than the one that is merged, hashed and written. Whatever the reason, it shows in the values: of every
tensor some are compared before the first question, whether a merge moves it or not.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adamms.answering.target_parameters import TargetParameter, target_parameters
from adamms.checkpoints.torch_tensor import torch_tensor
from adamms.errors import SearchError

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

RUNS = 4
"""Places in a tensor that are looked at, its beginning and its end among them."""
RUN = 16
"""Neighbouring elements at each."""
WHOLE_BYTES = 256 << 20
"""Of tensors that transformers rearranges in a way that only it knows: so many bytes are rearranged once
more, of tensors evenly over the model."""


@dataclass(frozen=True)
class _Sample:
    """A run of elements of a stored tensor, and the same of the live model."""

    name: str
    stored: Tensor
    live: Tensor


def require_same_weights(
    model: Any,
    source: "TensorSource",
    *,
    translate: Callable[[str], str] | None = None,
    from_elsewhere: bool = False,
) -> None:
    """Compare a live model with the checkpoint that was opened.

    Args:
        model: the live model.
        source: the checkpoint, with what adapters make of it.
        translate: a name on disk -> the live name, for a checkpoint of another code base.
        from_elsewhere: whether parameters may come from another checkpoint (a frozen vision tower).

    Raises:
        SearchError: a value differs, or a parameter of the live model is in no file.
    """
    state = model.state_dict()
    targets = target_parameters(model, list(source.tensors), translate=translate)
    known: list[tuple[str, Tensor]] = []
    opaque: list[TargetParameter] = []
    for target in targets:
        places = target.places(state[target.live])
        if places is None:
            opaque.append(target)
        else:
            known += places
    if not from_elsewhere:
        _require_covered(model, targets, opaque, source)
    differing = [
        *(sample.name for sample in _differing(_samples(known, source))),
        *_rearranged_otherwise(model, opaque, state, source),
    ]
    if differing:
        raise SearchError(_sentence(model, source, list(dict.fromkeys(differing))))


def _sentence(model: Any, source: "TensorSource", names: Sequence[str]) -> str:
    own = model.is_custom_code()
    why = " The checkpoint's own code may have changed them while it was loaded." if own else ""
    return (
        f"{type(model).__name__} does not answer with the weights of {source.source}: {len(names)} tensors "
        f"are others in the live model, the first is {names[0]} of {source.tensors[names[0]].shard}. So its "
        f"answers would not be those of what is merged.{why}"
    )


def _require_covered(
    model: Any,
    targets: Sequence[TargetParameter],
    opaque: Sequence[TargetParameter],
    source: "TensorSource",
) -> None:
    """Insist that every parameter, or one that it is tied to, is made from the files."""
    made = {target.live for target in targets}
    for target in opaque:
        # What a tensor is split into, by their names; without values.
        empty = {name: torch.empty(source.tensors[name].shape, device="meta") for name in target.sources}
        try:
            made |= target.values(empty, model=model).keys()
        except Exception:  # a rearrangement that needs values: what it makes is not known
            return
    parameters = dict(model.named_parameters(remove_duplicate=False))
    covered = {id(parameters[name]) for name in made if name in parameters}
    lacking = [name for name, parameter in parameters.items() if id(parameter) not in covered]
    if lacking:
        raise SearchError(
            f"{type(model).__name__} answers with {len(lacking)} parameters that are in no weight file of "
            f"{source.source}, the first is {lacking[0]}. So its answers would not be those of what is "
            "merged."
        )


def _samples(known: Sequence[tuple[str, Tensor]], source: "TensorSource") -> Iterator[_Sample]:
    """Runs of elements of tensors whose places in the live model are known."""
    for name, place in known:
        info = source.tensors[name]
        # Other than the shape on disk only where the loader itself squeezed or unfolded it.
        if info.numel != place.numel():
            yield _Sample(name, torch.zeros(1), torch.ones(1))
            continue
        flat = place.detach().reshape(-1)
        size = info.nbytes // max(info.numel, 1)
        for start in _starts(info.numel):
            count = min(RUN, info.numel - start)
            data = memoryview(bytearray(source.read_bytes(name, start * size, count * size)))
            part = replace(info, shape=(count,))
            yield _Sample(name, torch_tensor(part, data, source=source.source), flat[start : start + count])


def _starts(elements: int) -> list[int]:
    """Where the runs of a tensor begin."""
    last = max(elements - RUN, 0)
    return sorted({last * step // (RUNS - 1) for step in range(RUNS)}) if elements else []


def _differing(samples: Iterator[_Sample]) -> Iterator[_Sample]:
    """Those that are not what is stored; a device is waited for once a dtype."""
    by_dtype: dict[torch.dtype, list[_Sample]] = {}
    for sample in samples:
        if not sample.live.is_meta:
            by_dtype.setdefault(sample.live.dtype, []).append(sample)
    for group in by_dtype.values():
        together = torch.cat([sample.live for sample in group]).cpu()
        parts = together.split([sample.live.numel() for sample in group])
        yield from (
            sample for sample, part in zip(group, parts, strict=True) if not _same(sample.stored, part)
        )


def _same(stored: Tensor, live: Tensor) -> bool:
    """Whether live values are the stored ones, rounded to their dtype, perhaps through another on the way."""
    if stored.shape != live.shape:
        return False
    if torch.equal(stored.to(live.dtype), live):
        return True
    if not (stored.is_floating_point() and live.is_floating_point()):
        return False
    rounding = 0.0 if stored.dtype == live.dtype else 2**-7
    return torch.allclose(
        stored.to(live.dtype).double(), live.double(), rtol=rounding, atol=rounding * 1e-4, equal_nan=True
    )


def _rearranged_otherwise(
    model: Any, opaque: Sequence[TargetParameter], state: Mapping[str, Tensor], source: "TensorSource"
) -> Iterator[str]:
    """Tensors that transformers rearranges by itself: once more, and compared, as far as time allows."""
    sizes = [sum(source.tensors[name].nbytes for name in target.sources) for target in opaque]
    count = len(opaque)
    if sum(sizes) > WHOLE_BYTES:
        count = max(1, len(opaque) * WHOLE_BYTES // sum(sizes))
    chosen = dict.fromkeys(index * (len(opaque) - 1) // max(count - 1, 1) for index in range(count))
    for target in (opaque[index] for index in chosen):
        made = target.values({name: source.tensor(name) for name in target.sources}, model=model)
        if not all(
            name in state and (state[name].is_meta or _same(value.cpu(), state[name].detach().cpu()))
            for name, value in made.items()
        ):
            yield target.sources[0]
