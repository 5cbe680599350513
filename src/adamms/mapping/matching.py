"""Step 1 of the paper (section 3.1): map the donor's parameters onto the base's, slot by slot.

Both decoders are found, strangers are refused, and every slot of the base takes the donor's rows of the same
slot. What a duplicate takes is the one question on which the paper, its appendix and its scripts disagree:
`duplicates` chooses (DESIGN section 4). Names and shapes only; no tensor is read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Literal, get_args

from adamms.errors import MappingError
from adamms.mapping.areas import Patch, join_patches, patch_of
from adamms.mapping.compatibility import (
    differences_to_say,
    refuse_incompatible,
    refuse_quantised,
    role_list,
)
from adamms.mapping.decoder import Decoder, find_decoder
from adamms.mapping.heads import Head, head_of
from adamms.mapping.module_names import NOT_A_PARAMETER
from adamms.mapping.parameter_mapping import ParameterMapping, count, shapes_of
from adamms.mapping.segments import Piece, Shape, Shapes, TensorMapping, join, status_of
from adamms.mapping.slots import EMBED, HEAD, VOCABULARY_ROLES, Place, Slot
from adamms.mapping.vocabulary_rows import Vocabularies

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

Duplicates = Literal["paired", "original", "matching"]
Vocabulary = Literal["tokens", "rows", "keep"]

NO_COUNTERPART = "no counterpart in the donor"
NO_DUPLICATE = "no duplicate in the donor (--duplicates matching)"


def map_parameters(
    base: "TensorSource",
    donor: "TensorSource",
    *,
    duplicates: Duplicates = "paired",
    vocabulary: Vocabulary = "tokens",
    exclude: Iterable[str] = (),
    allow_partial: bool = False,
) -> ParameterMapping:
    """Map a donor's parameters onto a base's, from headers alone.

    Args:
        base: the model whose architecture is kept.
        donor: the model merged into it; a plain language model will do.
        duplicates: what a base's duplicate takes. `paired`: the donor's duplicate of the same weight, or its
            original where it has none; `original`: always the original (section 3.1 read literally);
            `matching`: the donor's duplicate, or nothing (Appendix B).
        vocabulary: which rows of embedding and head are merged. `tokens`: those of tokens that both
            tokenizers hold; `rows`: the leading rows both have; `keep`: none.
        exclude: what of the base is kept: presets, `layers=0-3`, name patterns (see `exclusion`).
        allow_partial: map also where more than a hundredth of either language model has no counterpart.

    Returns:
        Every base tensor's fate, with a reason.

    Raises:
        MappingError: a model has no language model that is known, or the two cannot share an ancestor.
    """
    _check_choice("--duplicates", duplicates, get_args(Duplicates))
    _check_choice("--vocabulary", vocabulary, get_args(Vocabulary))
    ours, theirs = find_decoder(base), find_decoder(donor)
    refuse_quantised(base, ours)
    refuse_quantised(donor, theirs)
    refuse_incompatible(ours, theirs, allow_partial=allow_partial)
    mapping = map_decoders(
        base, donor, ours=ours, theirs=theirs, duplicates=duplicates, vocabulary=vocabulary
    )
    if not exclude:
        return mapping
    from adamms.mapping.exclusion import exclude as exclude_tensors

    return exclude_tensors(mapping, exclude, base=base, donor=donor, decoder=ours)


def map_decoders(
    base: "TensorSource",
    donor: "TensorSource",
    *,
    ours: Decoder,
    theirs: Decoder,
    duplicates: Duplicates,
    vocabulary: Vocabulary,
) -> ParameterMapping:
    """Map two language models that are known to fit, slot by slot, however their slots were found."""
    vocabularies = Vocabularies(base, donor, rule=vocabulary)
    heads = head_of(base, ours), head_of(donor, theirs)
    matcher = _Matcher(ours, theirs, heads=heads, duplicates=duplicates, vocabularies=vocabularies)
    base_shapes, donor_shapes = shapes_of(base), shapes_of(donor)
    found: dict[str, list[_Match]] = {}
    for place in ours.places:
        found.setdefault(place.tensor, []).append(matcher.match(place))
    tensors = {
        name: _entry(found[name], shape, donor=donor_shapes)
        if name in found
        else _outside(ours.outside[name])
        for name, shape in base_shapes.items()
    }
    return ParameterMapping(
        base=base.source,
        donor=donor.source,
        duplicates=duplicates,
        vocabulary=vocabulary,
        tensors=tensors,
        totals=count(tensors, base_shapes, donor_tensors=len(donor_shapes), language=ours.parameters),
        notes=tuple(
            dict.fromkeys(
                [
                    *matcher.notes,
                    *differences_to_say(ours, theirs),
                    *_one_sided(ours, theirs),
                    *ours.not_understood(base_shapes),
                    *theirs.not_understood(donor_shapes),
                ]
            )
        ),
    )


@dataclass(frozen=True)
class _Match:
    """What one slot of the base takes, as rows or as areas, and the reason."""

    pieces: tuple[Piece, ...]
    reason: str
    patches: tuple[Patch, ...] = ()


class _Matcher:
    """Finds the donor's rows for one slot after another, and collects warnings in `notes`."""

    def __init__(
        self,
        base: Decoder,
        donor: Decoder,
        *,
        heads: tuple[Head, Head],
        duplicates: str,
        vocabularies: Vocabularies,
    ) -> None:
        self._places = {place.slot: place for place in donor.places}
        self._duplicates = duplicates
        self._vocabularies = vocabularies
        self._base_head, self._donor_head = heads
        self.notes: list[str] = []
        if not base.place(HEAD) and self._donor_head == "own":
            fate = "has no head" if self._base_head == "none" else "shares its head with its embedding table"
            self.notes.append(f"The base {fate}: the donor's own head is unused.")

    def match(self, place: Place) -> _Match:
        """The donor's rows for a slot of the base, or none and why."""
        if place.slot.role in VOCABULARY_ROLES:
            return self._match_tokens(place)
        donor = self._counterpart(place.slot)
        reason = place.slot.label
        if donor is None:
            skipped = place.slot.is_duplicate and place.slot.original in self._places
            return _Match((), f"{reason}: {NO_DUPLICATE if skipped else NO_COUNTERPART}")
        if place.slot.is_duplicate:
            reason += f" <- the donor's {'duplicate' if donor.slot.is_duplicate else 'original'}"
        if place.columns and donor.columns:
            return _Match((), reason, (patch_of(place, donor),))
        return _Match((Piece(place.rows, donor.tensor, donor.rows),), reason)

    def _counterpart(self, slot: Slot) -> Place | None:
        original, same = self._places.get(slot.original), self._places.get(slot)
        if not slot.is_duplicate or self._duplicates == "original":
            return original
        return same if self._duplicates == "matching" else same or original

    def _match_tokens(self, place: Place) -> _Match:
        label, donor = place.slot.label, self._places.get(place.slot)
        if place.slot == Slot(HEAD):
            if self._base_head == "tied" or self._donor_head == "tied":
                # A tied head is the embedding table: also where a copy of it is stored.
                whose = "base" if self._base_head == "tied" else "donor"
                self.notes.append(f"The {whose}'s head is tied: lm_head takes the donor's embedding rows.")
                label, donor = f"{label} <- the donor's embed", self._places.get(Slot(EMBED))
            elif self._donor_head == "none":
                self.notes.append("The donor has no head, as embedding models have none: the base's stays.")
        if donor is None:
            return _Match((), f"{label}: {NO_COUNTERPART}")
        alignment = self._vocabularies.align(place.shape[0], donor.shape[0])
        self.notes += alignment.notes
        reason = alignment.reason
        left = place.shape[0] - sum(run.count for run in alignment.runs)
        if 0 < left < place.shape[0]:
            reason += f"; {left:,} rows stay the base's"
        pieces = tuple(
            Piece((run.base, run.base + run.count), donor.tensor, (run.donor, run.donor + run.count))
            for run in alignment.runs
        )
        return _Match(pieces, f"{label}: {reason}")


def _entry(matches: list[_Match], shape: Shape, *, donor: Shapes) -> TensorMapping:
    """One base tensor from the matches of the slots it holds."""
    segments = (
        *join((piece for match in matches for piece in match.pieces), shape, donor=donor),
        *join_patches((patch for match in matches for patch in match.patches), shape, donor=donor),
    )
    reason = "; ".join(dict.fromkeys(match.reason for match in matches))
    return TensorMapping(status_of(segments, shape), f"language model, {reason}", segments)


def _outside(what: str) -> TensorMapping:
    return TensorMapping("kept", what if what == NOT_A_PARAMETER else f"{what}: stays the base's")


def _one_sided(base: Decoder, donor: Decoder) -> Iterator[str]:
    """Language-model weights that only one of the two has, such as the biases of Qwen2's attention."""
    for one, other, fate in ((base, donor, "stay as they are"), (donor, base, "are unused")):
        there = dict.fromkeys(place.slot for place in other.places)
        alone = [
            place
            for place in one.places
            if place.slot not in there
            and not place.slot.is_duplicate
            and place.slot.role not in VOCABULARY_ROLES
        ]
        if alone:
            share = sum(prod(place.shape) for place in alone) / one.parameters
            yield (
                f"{len(alone)} weights that only {one.source} has ({role_list(alone)}; {share:.2%} of its "
                f"language model) {fate}."
            )


def _check_choice(option: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise MappingError(f"{option} {value!r} is not one of: {', '.join(choices)}.")
