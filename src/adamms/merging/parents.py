"""The models of one merge: the base, the donors and the ancestor, each seen through a mapping of its own.

Plain data about opened checkpoints; nothing is read here but headers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from adamms.errors import MergeError
from adamms.merging.coefficients import Spot, spots_of
from adamms.merging.method import Method

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource
    from adamms.mapping import MappedDonor


class View(NamedTuple):
    """A checkpoint under the base's names."""

    checkpoint: "TensorSource"
    mapped: "MappedDonor"

    @classmethod
    def of(cls, mapped: "MappedDonor") -> "View":
        """A donor as its mapping shows it."""
        return cls(mapped.checkpoint, mapped)


class Run(NamedTuple):
    """Rows of a base tensor and where every view has them: a tensor and its first row, or nothing."""

    start: int
    stop: int
    sources: tuple[tuple[str, int] | None, ...]


@dataclass(frozen=True)
class Parents:
    """What a merge reads.

    Attributes:
        base: the model whose layout is kept.
        donors: the models merged into it.
        pretrained: the common ancestor theta_0, for methods that read it.
    """

    base: "TensorSource"
    donors: tuple[View, ...]
    pretrained: View | None = None

    @classmethod
    def pair(cls, base: "TensorSource", donor: "TensorSource", mapped: "MappedDonor") -> "Parents":
        """A base and one donor."""
        return cls(base, (View.of(mapped),))

    @property
    def views(self) -> tuple[View, ...]:
        """All models beside the base."""
        return (*self.donors, self.pretrained) if self.pretrained else self.donors

    @property
    def models(self) -> "tuple[TensorSource, ...]":
        """All models, the base first."""
        return (self.base, *(view.checkpoint for view in self.views))

    def views_for(self, method: Method) -> tuple[View, ...]:
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

    def runs(self, name: str, method: Method) -> Iterator[Run]:
        """Cut a base tensor into rows of the same sources, in order.

        Rows that no donor has stay the base's, and so do rows that the ancestor lacks where the method reads
        one: their sources are empty.
        """
        views = self.views_for(method)
        with_ancestor = len(views) > len(self.donors)
        for run in _aligned(name, views):
            absent = all(source is None for source in run.sources[: len(self.donors)])
            kept = absent or (with_ancestor and run.sources[-1] is None)
            yield run._replace(sources=()) if kept else run

    def changed(self, method: Method) -> tuple[str, ...]:
        """The base tensors that the method changes at least in part, in the base's order."""
        return tuple(
            name for name in self.base.tensors if any(run.sources for run in self.runs(name, method))
        )

    def without_ancestor(self, method: Method) -> tuple[int, int]:
        """How many tensors and parameters stay the base's, wholly or in part, because theta_0 lacks them."""
        if len(self.views_for(method)) == len(self.donors):
            return 0, 0
        tensors = parameters = 0
        for name, info in self.base.tensors.items():
            lacking = sum(
                run.stop - run.start
                for run in _aligned(name, self.views_for(method))
                if run.sources[-1] is None and any(run.sources)
            )
            tensors += bool(lacking)
            parameters += lacking * prod(info.shape[1:])
        return tensors, parameters

    @cached_property
    def spots(self) -> Mapping[str, Spot]:
        """Where the base's tensors lie: depth and part."""
        return spots_of(self.base)

    def settings_at(self, name: str | None, method: Method) -> dict[str, Any]:
        """The settings at a base tensor, or (without a name) for the whole model, as the method gets them."""
        spot = None if name is None else Spot(name) if method.plain else self.spots.get(name, Spot(name))
        return method.values(spot, donors=len(self.donors))

    def weights(self, name: str, method: Method) -> tuple[float, ...]:
        """The models' weights at a base tensor, the base's first."""
        coefficients = (*method.alphas(len(self.donors)), method.settings.get("base_weight", 1.0))
        plain = all(isinstance(each, float) for each in coefficients)
        spot = Spot(name) if plain else self.spots.get(name, Spot(name))
        return method.weights(spot, donors=len(self.donors))


def _aligned(name: str, views: tuple[View, ...]) -> Iterator[Run]:
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
        yield Run(start, stop, tuple(sources))
