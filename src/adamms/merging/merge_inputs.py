"""The models of one merge: the base, the donors and the ancestor, each seen through a mapping of its own.

Plain data about opened checkpoints; nothing is read here but headers. `check_merge` says from these alone
whether a method and its models fit each other, before anything long begins: single settings were checked
when they were made, here every tensor's own values are.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from adamms.errors import MergeError
from adamms.merging.dtypes import ITEMSIZES
from adamms.merging.method import Method, as_parameters
from adamms.merging.parameters import DEFAULT, PARTS, TensorLocation, tensor_locations

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource
    from adamms.mapping import MappedDonor


class MappedCheckpoint(NamedTuple):
    """A checkpoint under the base's names."""

    checkpoint: "TensorSource"
    mapped: "MappedDonor"

    @classmethod
    def of(cls, mapped: "MappedDonor") -> "MappedCheckpoint":
        """A donor as its mapping shows it."""
        return cls(mapped.checkpoint, mapped)


class RowSpan(NamedTuple):
    """Rows of a base tensor and where every view has them: a tensor and its first row, or nothing."""

    start: int
    stop: int
    sources: tuple[tuple[str, int] | None, ...]


@dataclass(frozen=True)
class MergeInputs:
    """What a merge reads.

    Attributes:
        base: the model whose layout is kept.
        donors: the models merged into it.
        pretrained: the common ancestor theta_0, for methods that read it.
    """

    base: "TensorSource"
    donors: tuple[MappedCheckpoint, ...]
    pretrained: MappedCheckpoint | None = None

    @classmethod
    def pair(cls, base: "TensorSource", donor: "TensorSource", mapped: "MappedDonor") -> "MergeInputs":
        """A base and one donor."""
        return cls(base, (MappedCheckpoint.of(mapped),))

    @property
    def views(self) -> tuple[MappedCheckpoint, ...]:
        """All models beside the base."""
        return (*self.donors, self.pretrained) if self.pretrained else self.donors

    @property
    def checkpoints(self) -> "tuple[TensorSource, ...]":
        """All models, the base first."""
        return (self.base, *(view.checkpoint for view in self.views))

    def views_for(self, method: Method) -> tuple[MappedCheckpoint, ...]:
        """What a method reads beside the base: the donors, then the ancestor if it uses one.

        Raises:
            MergeError: the method needs an ancestor and there is none, or takes one donor and there are more.
        """
        if method.rule.donors == "one" and len(self.donors) > 1:
            raise MergeError(f"The method {method.name} takes one donor, not {len(self.donors)}.")
        method.check_donors(len(self.donors))
        if method.rule.pretrained == "needed" and self.pretrained is None:
            raise MergeError(
                f"The method {method.name} works on task vectors and needs their origin, the language model "
                "that base and donor were both trained from: --pretrained MODEL."
            )
        return self.donors if method.rule.pretrained == "unused" else self.views

    def row_spans(self, name: str, method: Method) -> Iterator[RowSpan]:
        """Cut a base tensor into rows of the same sources, in order.

        Rows that no donor has stay the base's, and so do rows that the ancestor lacks where the method reads
        one: their sources are empty.
        """
        views = self.views_for(method)
        with_ancestor = len(views) > len(self.donors)
        for span in _aligned(name, views):
            absent = all(source is None for source in span.sources[: len(self.donors)])
            kept = absent or (with_ancestor and span.sources[-1] is None)
            yield span._replace(sources=()) if kept else span

    def changed(self, method: Method) -> tuple[str, ...]:
        """The base tensors that the method changes at least in part, in the base's order."""
        return tuple(
            name for name in self.base.tensors if any(span.sources for span in self.row_spans(name, method))
        )

    def without_ancestor(self, method: Method) -> tuple[int, int]:
        """How many tensors and parameters stay the base's, wholly or in part, because theta_0 lacks them."""
        if len(self.views_for(method)) == len(self.donors):
            return 0, 0
        tensors = parameters = 0
        for name, info in self.base.tensors.items():
            lacking = sum(
                span.stop - span.start
                for span in _aligned(name, self.views_for(method))
                if span.sources[-1] is None and any(span.sources)
            )
            tensors += bool(lacking)
            parameters += lacking * prod(info.shape[1:])
        return tensors, parameters

    @cached_property
    def locations(self) -> Mapping[str, TensorLocation]:
        """Where the base's tensors lie: depth and part."""
        return tensor_locations(self.base)

    def settings_at(self, name: str | None, method: Method) -> dict[str, Any]:
        """The settings at a base tensor, or (without a name) for the whole model, as the method gets them."""
        location = (
            None
            if name is None
            else TensorLocation(name)
            if method.plain
            else self.locations.get(name, TensorLocation(name))
        )
        return method.values(location, donors=len(self.donors))

    def arguments(self, name: str | None, method: Method, *, statistics: Mapping[str, Any]) -> dict[str, Any]:
        """All that a method may ask for by name at a base tensor but the values of a block.

        Args:
            name: the tensor; None for the whole model, which has no weights.
            method: the method with its settings.
            statistics: what its reductions gave.
        """
        weights = {} if name is None else {"weights": self.weights(name, method)}
        settings = as_parameters(method.settings)
        return {**settings, **self.settings_at(name, method), **statistics, **weights}

    def weights(self, name: str, method: Method) -> tuple[float, ...]:
        """The models' weights at a base tensor, the base's first."""
        coefficients = (*method.alphas(len(self.donors)), method.settings.get("base_weight", 1.0))
        plain = all(isinstance(coefficient, float) for coefficient in coefficients)
        location = TensorLocation(name) if plain else self.locations.get(name, TensorLocation(name))
        return method.weights(location, donors=len(self.donors))


def _aligned(name: str, views: tuple[MappedCheckpoint, ...]) -> Iterator[RowSpan]:
    """Cut a base tensor's rows wherever any view's pieces begin or end."""
    pieces = [view.mapped.pieces(name) for view in views]
    cuts = sorted(dict.fromkeys(row for of_view in pieces for piece in of_view for row in piece.base_rows))
    at = [0] * len(views)
    for start, stop in pairwise(cuts):
        sources: list[tuple[str, int] | None] = []
        for view, of_view in enumerate(pieces):
            while at[view] < len(of_view) and of_view[at[view]].base_rows[1] <= start:
                at[view] += 1
            piece = of_view[at[view]] if at[view] < len(of_view) else None
            inside = piece is not None and piece.base_rows[0] <= start
            sources.append(
                (piece.donor, piece.donor_rows[0] + start - piece.base_rows[0]) if piece and inside else None
            )
        yield RowSpan(start, stop, tuple(sources))


def check_merge(inputs: MergeInputs, method: Method) -> None:
    """Insist that a merge can be done at every tensor that it changes.

    Raises:
        MergeError: a tensor cannot be interpolated, or the settings are out of range at one.
    """
    views = inputs.views_for(method)
    changed = inputs.changed(method)
    for name in changed:
        if not any(inputs.weights(name, method)) and len(views) == len(inputs.donors):
            raise MergeError(f"All weights are 0 at {name}, so nothing would be left of it; raise one.")
        inputs.settings_at(name, method)
    stored = [_other_dtypes(inputs, view, changed) for view in views]
    own = {name: inputs.base.tensors[name].dtype for name in changed}
    stored.insert(0, {name: dtype for name, dtype in own.items() if dtype not in ITEMSIZES})
    sources = (inputs.base, *(view.checkpoint for view in views))
    for model, dtypes in zip(sources, stored, strict=True):
        if dtypes:
            name, dtype = next(iter(dtypes.items()))
            more = f" (and {len(dtypes) - 1} more tensors)" if len(dtypes) > 1 else ""
            raise MergeError(
                f"{name} in {model.source} is stored as {dtype}{more}, which cannot be interpolated; "
                "merge an unquantised copy of the model (bfloat16, float16 or float32)."
            )


def unmatched(inputs: MergeInputs, method: Method) -> tuple[tuple[str, str], ...]:
    """The settings, and the patterns of tensor names in them that fit no tensor of the base."""
    names = tuple(inputs.base.tensors)
    return tuple(
        (setting, entry)
        for setting, value in method.settings.items()
        for table in (value if isinstance(value, tuple) else (value,))
        if isinstance(table, dict)
        for entry in table
        if entry not in (*PARTS, DEFAULT) and not any(fnmatchcase(name, entry) for name in names)
    )


def _other_dtypes(inputs: MergeInputs, view: MappedCheckpoint, changed: tuple[str, ...]) -> dict[str, str]:
    """The tensors that a view gives to the merge and that are no floating numbers, with their dtypes."""
    used = dict.fromkeys(piece.donor for name in changed for piece in view.mapped.pieces(name))
    dtypes = {name: view.checkpoint.tensors[name].dtype for name in used}
    return {name: dtype for name, dtype in dtypes.items() if dtype not in ITEMSIZES}
