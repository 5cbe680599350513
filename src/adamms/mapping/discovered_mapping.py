"""Map a pair of which at least one layout is unknown: `adamms map --discover`.

The unknown side's slots are found by its weights (`discovery`), then the pair is mapped as any other. The
result is an ordinary mapping whose reasons carry the confidence; merging takes it from a file only, after a
person has seen it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from adamms.errors import MappingError
from adamms.mapping.decoder import Decoder, find_decoder
from adamms.mapping.discovery import Discovery, decoder_by_own_names, discover
from adamms.mapping.exclusion import exclude as exclude_tensors
from adamms.mapping.findings import Finding
from adamms.mapping.matching import Duplicates, Vocabulary, map_decoders, map_parameters
from adamms.mapping.parameter_mapping import ParameterMapping
from adamms.mapping.segments import TensorMapping

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource


NEITHER_KNOWN = (
    "Neither layout is known, so the donor's tensors were found among the base's by weights alone, the "
    "vision encoder's as well where its names do not tell: take out of the saved mapping what is no language "
    "model, or give --reference, a relative whose layout is known."
)


@dataclass(frozen=True)
class DiscoveredMapping:
    """A mapping, and what was discovered to make it: nothing, if both layouts are known."""

    mapping: ParameterMapping
    discoveries: tuple[Discovery, ...]


def discover_mapping(
    base: "TensorSource",
    donor: "TensorSource",
    *,
    reference: "TensorSource | None" = None,
    duplicates: Duplicates = "paired",
    vocabulary: Vocabulary = "tokens",
    exclude: Iterable[str] = (),
) -> DiscoveredMapping:
    """Map a donor onto a base, finding by weights what names do not tell.

    Args:
        base: the model whose architecture is kept.
        donor: the model merged into it.
        reference: a relative of known layout, such as the ancestor; the other of the two if left out.
        duplicates: as in `map_parameters`.
        vocabulary: as in `map_parameters`.
        exclude: as in `map_parameters`.

    Raises:
        MappingError: nothing alike was found, or the reference's layout is not known.
        CheckpointError: weights that must be read are not on this machine.
    """
    named = {side: _named(model) for side, model in (("base", base), ("donor", donor))}
    known = {
        side: None if one and other and _lacks(one, other) else one
        for side, one, other in (
            ("base", named["base"], named["donor"]),
            ("donor", named["donor"], named["base"]),
        )
    }
    if known["base"] and known["donor"]:
        mapping = map_parameters(
            base, donor, duplicates=duplicates, vocabulary=vocabulary, exclude=exclude, allow_partial=True
        )
        note = "Both layouts are known: nothing had to be discovered."
        return DiscoveredMapping(replace(mapping, notes=(note, *mapping.notes)), ())
    notes: tuple[str, ...] = ()
    own_names: Decoder | None = None
    if reference is None and not any(named.values()):
        # Of two unknown layouts the one serves as the reference of the other, tensor by tensor.
        known["base"] = own_names = decoder_by_own_names(base)
        notes = (NEITHER_KNOWN,)
    found = {
        side: None if known[side] else discover(model, reference or other, decoder=own_names)
        for side, model, other in (("base", base, donor), ("donor", donor, base))
    }
    mapping = map_decoders(
        base,
        donor,
        ours=_decoder(known["base"], found["base"], base),
        theirs=_decoder(known["donor"], found["donor"], donor),
        duplicates=duplicates,
        vocabulary=vocabulary,
    ).check(base, donor)
    discoveries = tuple(discovery for discovery in found.values() if discovery)
    notes += (*(note for discovery in discoveries for note in discovery.notes), *mapping.notes)
    mapping = replace(_with_confidence(mapping, found["base"], found["donor"]), notes=notes)
    ours = _decoder(known["base"], found["base"], base)
    if found["base"] and _lacks(find_decoder(reference) if reference else known["donor"] or ours, ours):
        # What was not recognised is not counted, so of how much the rest is a share is not known.
        mapping = replace(mapping, totals=replace(mapping.totals, language_parameters=0))
    mapping = exclude_tensors(mapping, exclude, base=base, donor=donor, decoder=ours)
    return DiscoveredMapping(mapping, discoveries)


def _named(model: "TensorSource") -> Decoder | None:
    """The language model that names tell."""
    try:
        return find_decoder(model)
    except MappingError:
        return None


def _lacks(one: Decoder, other: Decoder) -> bool:
    """Whether the other has no counterpart, by names, of a part of this one's layers (biases aside)."""
    there = dict.fromkeys(place.slot.original for place in other.places)
    return any(
        place.slot.layer is not None
        and not place.slot.role.endswith(".bias")
        and place.slot.original not in there
        for place in one.places
    )


def _decoder(known: Decoder | None, found: Discovery | None, model: "TensorSource") -> Decoder:
    if known:
        return known
    assert found is not None
    return found.decoder(model)


def _with_confidence(
    mapping: ParameterMapping, base: Discovery | None, donor: Discovery | None
) -> ParameterMapping:
    """Say in every reason how sure it is that the tensors were recognised."""
    ours, theirs = _by_tensor(base), _by_tensor(donor)

    def told(name: str, entry: TensorMapping) -> TensorMapping:
        used = [*ours.get(name, ()), *(f for s in entry.segments for f in theirs.get(s.donor, ()))]
        if not entry.segments or not used:
            return entry
        similarity = min(finding.similarity for finding in used)
        confidence = min(finding.confidence for finding in used)
        figures = f"found by weights: similarity {similarity:.3f}, confidence {confidence:.3f}"
        return replace(entry, reason=f"{entry.reason} ({figures})")

    return replace(mapping, tensors={name: told(name, entry) for name, entry in mapping.tensors.items()})


def _by_tensor(discovery: Discovery | None) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in discovery.findings if discovery else ():
        found.setdefault(finding.tensor, []).append(finding)
    return found
