"""Find the slots of a model of unknown layout by its weights, with a relative of known layout as reference.

For models that no architecture table fits. Every tensor is compared with every language-model weight of the
reference; a fused tensor is taken apart row range by row range; two tensors that are most alike one slot are
an original and its duplicate. Names are not used to find anything. Not recognised: weights stored
transposed, quantised, or with their rows interleaved. What is found is a proposal for a person to read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from adamms.errors import MappingError
from adamms.mapping.architecture import Table
from adamms.mapping.decoder import Decoder, find_decoder
from adamms.mapping.findings import Finding, tell_duplicates
from adamms.mapping.fingerprints import SlotIndex
from adamms.mapping.language_config import language_config
from adamms.mapping.module_names import ELSEWHERE, what_is
from adamms.mapping.slots import Place, Slot, row_count
from adamms.mapping.weight_samples import READABLE

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

TABLE = Table(name="layout found by its weights", marks=(), layer={})
UNRECOGNISED = "nothing in the reference is like its weights"
# Below this confidence a finding may as well be another slot.
UNSURE = 0.05


@dataclass(frozen=True)
class Discovery:
    """What was found in a model, in the order of its tensors, and what a person should know about it."""

    source: str
    reference: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data for `adamms map --discover --json`."""
        tensors: dict[str, list[dict[str, Any]]] = {}
        for finding in self.findings:
            tensors.setdefault(finding.tensor, []).append(finding.to_json())
        return {"source": self.source, "reference": self.reference, "tensors": tensors}

    def decoder(self, checkpoint: "TensorSource") -> Decoder:
        """The language model as if a table had found it."""
        return _decoder(checkpoint, [_place(finding, checkpoint) for finding in self.findings])


def decoder_by_own_names(model: "TensorSource") -> Decoder:
    """A model of unknown layout as its own reference: each tensor a slot of its own name."""
    places = [
        Place(Slot(name), name, (0, row_count(info.shape)), info.shape)
        for name, info in model.tensors.items()
        if what_is(name) == ELSEWHERE and info.dtype in READABLE
    ]
    return _decoder(model, places)


def discover(
    checkpoint: "TensorSource", reference: "TensorSource", *, decoder: Decoder | None = None
) -> Discovery:
    """Find the language model of `checkpoint` by comparing its weights with a relative's.

    Args:
        checkpoint: a model of unknown layout, on this machine.
        reference: a model of the same ancestor whose layout is known: that ancestor, or the other parent.
        decoder: the reference's language model; found by its names if left out.

    Raises:
        MappingError: the reference has no known language model, or nothing like its weights was found.
        CheckpointError: a model's weights are not on this machine, or are cut off.
    """
    decoder = decoder or find_decoder(reference)
    for model in (checkpoint, reference):
        _require_weights(model)
    index = SlotIndex(reference, decoder)
    findings: list[Finding] = []
    nearest = (0.0, "")
    for name in checkpoint.tensors:
        found, likeness = _take_apart(checkpoint, name, index)
        findings += found
        nearest = max(nearest, (likeness, name))
    if not findings:
        raise MappingError(_nothing(checkpoint, reference, nearest))
    told_apart, notes = tell_duplicates(findings)
    notes += [*_unsure(told_apart), *_missing(index, told_apart)]
    return Discovery(checkpoint.source, reference.source, tuple(told_apart), tuple(notes))


def _require_weights(model: "TensorSource") -> None:
    if model.folder is None:
        raise MappingError(
            f"Discovery compares weights, and of {model.source} only the headers were fetched; download it "
            f"(hf download {model.source}) and give its folder."
        )
    model.require_data()


def _nothing(checkpoint: "TensorSource", reference: "TensorSource", nearest: tuple[float, str]) -> str:
    similarity, name = nearest
    seen = f"the most alike is {name} with a cosine of {similarity:.2f}" if name else "no shape is the same"
    return (
        f"Nothing in {checkpoint.source} is like the language model's weights of {reference.source}: {seen}. "
        "Either they share no ancestor, or one stores its weights in another form (transposed, quantised, "
        "rows interleaved)."
    )


def _take_apart(checkpoint: "TensorSource", name: str, index: SlotIndex) -> tuple[list[Finding], float]:
    """The slots that a tensor holds, from its first row on, and the best likeness seen."""
    rows = row_count(checkpoint.tensors[name].shape)
    found: list[Finding] = []
    start, best = 0, 0.0
    while start < rows:
        likeness = index.most_alike(checkpoint, name, start=start)
        best = max(best, likeness.similarity if likeness else 0.0)
        if likeness is None or not likeness.certain:
            break
        confidence = likeness.similarity - max(likeness.runner_up, 0.0)
        end = start + likeness.rows
        found.append(Finding(name, (start, end), likeness.slot, likeness.similarity, confidence))
        start = end
    return found, best


def _unsure(findings: Iterable[Finding]) -> Iterable[str]:
    unsure = [finding for finding in findings if finding.confidence < UNSURE]
    if unsure:
        least = min(unsure, key=lambda finding: finding.confidence)
        yield (
            f"{len(unsure)} findings have a confidence below {UNSURE}, the least {least.tensor} as "
            f"{least.slot.label}: check them first."
        )


def _missing(index: SlotIndex, findings: Iterable[Finding]) -> Iterable[str]:
    found = dict.fromkeys(finding.slot for finding in findings)
    missing: dict[str, int] = {}
    for slot in index.slots:
        if slot not in found:
            missing[slot.role] = missing.get(slot.role, 0) + 1
    if missing:
        roles = ", ".join(f"{role} ({count})" for role, count in missing.items())
        total = sum(missing.values())
        yield f"Of the reference's {len(index.slots)} weights, {total} not found: {roles}."


# As a decoder


def _decoder(model: "TensorSource", places: list[Place]) -> Decoder:
    inside = dict.fromkeys(place.tensor for place in places)
    return Decoder(
        source=model.source,
        table=TABLE,
        prefix="",
        places=tuple(places),
        outside={name: _what(name) for name in model.tensors if name not in inside},
        layers=len(dict.fromkeys(p.slot.layer for p in places if p.slot.layer is not None)),
        config=language_config(model.config),
    )


def _place(finding: Finding, checkpoint: "TensorSource") -> Place:
    shape = checkpoint.tensors[finding.tensor].shape
    count = finding.rows[1] - finding.rows[0]
    return Place(finding.slot, finding.tensor, finding.rows, (count, *shape[1:]))


def _what(name: str) -> str:
    what = what_is(name)
    return UNRECOGNISED if what == ELSEWHERE else what
