"""Do two language models share an ancestor? A few mapped matrices' weights tell (section 3.1 assumes it).

Models trained from one ancestor keep its directions: the cosine of their weights is near 1. Models trained
apart start from other random numbers: it is near 0, however much their shapes agree. Attention and MLP
matrices over the depth are sampled, a few rows each: not norms, which are alike in any two models, and not
token tables, whose rows move with the data. No method and no output is known here.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Literal

from adamms.errors import MappingError
from adamms.mapping.decoder import find_decoder
from adamms.mapping.matching import map_parameters
from adamms.mapping.parameter_mapping import ParameterMapping, shapes_of
from adamms.mapping.segments import Piece, Shape, resolve
from adamms.mapping.slots import VOCABULARY_ROLES, Place
from adamms.mapping.weight_samples import READABLE, cosine, read_rows, sample_runs, width_of

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

Verdict = Literal["related", "distant", "unrelated", "unknown"]

# Chance gives 0 with a deviation of 1 / sqrt(elements): 0.002 for what is sampled of a 7B model, 0.04 for
# the smallest models of our tests. Nothing trained apart is known to come near 0.2.
UNRELATED = 0.2
# What is known of relatives lies far above: fine-tuned siblings whose task vectors are a fifth of the weights
# have 0.96, and continued pretraining is reported to change directions little (HuRef, arXiv 2312.04828).
RELATED = 0.6

TENSORS = 12
ELEMENTS = 32_768
# Token tables without a decoder that names them: far more rows than columns.
TABLE_ROWS = 8


@dataclass(frozen=True)
class WeightSimilarity:
    """How alike the sampled weights of two models are.

    Attributes:
        one: a model.
        other: the other one.
        mean_cosine: over the tensors; None if there was nothing to compare.
        tensors: the cosine of each, by the name in `one`.
    """

    one: str
    other: str
    mean_cosine: float | None
    tensors: dict[str, float]

    @property
    def verdict(self) -> Verdict:
        """`related`, `distant`, `unrelated`, or `unknown` if nothing could be compared."""
        if self.mean_cosine is None:
            return "unknown"
        if self.mean_cosine < UNRELATED:
            return "unrelated"
        return "related" if min(self.tensors.values()) >= RELATED else "distant"

    @property
    def figures(self) -> str:
        """The similarity in words: `0.97 (0.95 to 0.99 in 12 tensors)`."""
        if self.mean_cosine is None:
            return "nothing to compare"
        low, high = min(self.tensors.values()), max(self.tensors.values())
        return f"{self.mean_cosine:.2f} ({low:.2f} to {high:.2f} in {len(self.tensors)} tensors)"

    def to_json(self) -> dict[str, Any]:
        """Plain data for `adamms map --check --json`."""
        rounded = {name: round(value, 4) for name, value in self.tensors.items()}
        similarity = None if self.mean_cosine is None else round(self.mean_cosine, 4)
        return {"similarity": similarity, "tensors": rounded, "verdict": self.verdict}

    def sentence(self) -> str:
        """The verdict for people."""
        models = f"{self.one} and {self.other}"
        if self.verdict == "unknown":
            return (
                f"Whether {models} share an ancestor is not known: no matrix of their layers is mapped, or "
                "its weights are zeros."
            )
        alike = f"cosine similarity of their weights {self.figures}"
        if self.verdict == "unrelated":
            lowest = min(self.tensors, key=self.tensors.__getitem__)
            return (
                f"The language models of {models} do not share an ancestor: {alike}, lowest {lowest}; "
                "relatives are near 1, strangers near 0, and merging strangers averages numbers that mean "
                "different things."
            )
        if self.verdict == "distant":
            lowest = min(self.tensors, key=self.tensors.__getitem__)
            return (
                f"{models} are further apart than known relatives: {alike}, lowest {lowest}; a merged "
                "model may not work."
            )
        return f"{models} share an ancestor: {alike}."


def check_ancestor(
    base: "TensorSource", donor: "TensorSource", mapping: ParameterMapping
) -> WeightSimilarity:
    """Compare sampled rows of a few mapped matrices, read straight from the files (or a hub).

    Args:
        base: the model whose tensors the mapping names.
        donor: the other one.
        mapping: which rows of the donor correspond to which of the base's.

    Raises:
        CheckpointError: a file ends too early, or lies on a hub in a format of which no part can be read.
    """
    pieces = _spread(list(_matrices(base, donor, mapping)))

    def similarity(found: tuple[str, Piece]) -> float | None:
        name, piece = found
        rows = piece.base_rows[1] - piece.base_rows[0]
        runs = sample_runs(rows, width_of(base.tensors[name].shape), elements=ELEMENTS)
        return cosine(
            read_rows(base, name, runs, first=piece.base_rows[0]),
            read_rows(donor, piece.donor, runs, first=piece.donor_rows[0]),
        )

    # Of a hub every run is a request, so several are under way at once.
    remote = base.folder is None or donor.folder is None
    with ThreadPoolExecutor(8 if remote else 1, "adamms-ancestor") as pool:
        compared = list(zip(pieces, pool.map(similarity, pieces), strict=True))
    tensors = {name: value for (name, _), value in compared if value is not None}
    mean = fmean(tensors.values()) if tensors else None
    return WeightSimilarity(base.source, donor.source, mean, tensors)


def check_family(
    base: "TensorSource",
    donor: "TensorSource",
    mapping: ParameterMapping,
    *,
    pretrained: "TensorSource | None" = None,
) -> tuple[WeightSimilarity, ...]:
    """The base with the donor and, if their ancestor is named, each of them with it.

    Raises:
        CheckpointError: a file cannot be read.
        MappingError: the ancestor's language model does not fit one of the two.
    """
    pair = check_ancestor(base, donor, mapping)
    return (pair, *(_with_ancestor(model, pretrained) for model in (base, donor) if pretrained))


def _with_ancestor(model: "TensorSource", pretrained: "TensorSource") -> WeightSimilarity:
    if not _places(model):
        # A layout that only a saved mapping knows: it does not say what the ancestor's tensors are.
        return WeightSimilarity(model.source, pretrained.source, None, {})
    return check_ancestor(model, pretrained, map_parameters(model, pretrained, vocabulary="keep"))


def family_json(similarities: tuple[WeightSimilarity, ...]) -> dict[str, Any]:
    """Plain data for `adamms map --check --json`: the pair's, and each one's with the ancestor."""
    pair, *with_ancestor = (similarity.to_json() for similarity in similarities)
    return (
        {**pair, "pretrained": dict(zip(("base", "donor"), with_ancestor, strict=True))}
        if with_ancestor
        else pair
    )


def _matrices(
    base: "TensorSource", donor: "TensorSource", mapping: ParameterMapping
) -> Iterable[tuple[str, Piece]]:
    """The mapped row ranges of matrices that belong to layers, one for each tensor."""
    shapes, theirs = shapes_of(base), shapes_of(donor)
    skipped = _not_compared(base)
    for name, entry in mapping.tensors.items():
        # Attention says enough: what is stored otherwise in the donor need not be read.
        rows = all(segment.is_plain for segment in entry.segments)
        if (
            entry.segments
            and rows
            and len(shapes[name]) == 2
            and not (name in skipped or _is_table(shapes[name]))
        ):
            piece = max(resolve(entry.segments, shapes[name], donor=theirs), key=_rows)
            dtypes = base.tensors[name].dtype, donor.tensors[piece.donor].dtype
            if all(dtype in READABLE for dtype in dtypes):
                yield name, piece


def _rows(piece: Piece) -> int:
    return piece.base_rows[1] - piece.base_rows[0]


def _not_compared(base: "TensorSource") -> dict[str, None]:
    """Token tables, and duplicates: trained for images, they are further from their original."""
    return dict.fromkeys(
        place.tensor
        for place in _places(base)
        if place.slot.role in VOCABULARY_ROLES or place.slot.is_duplicate
    )


def _places(model: "TensorSource") -> tuple[Place, ...]:
    """The language model's slots; none of a layout that no table fits."""
    with suppress(MappingError):
        return find_decoder(model).places
    return ()


def _is_table(shape: Shape) -> bool:
    return shape[0] > TABLE_ROWS * shape[1]


def _spread(found: list[tuple[str, Piece]]) -> list[tuple[str, Piece]]:
    """At most `TENSORS` of them, evenly over the depth."""
    if len(found) <= TENSORS:
        return found
    return [found[place * (len(found) - 1) // (TENSORS - 1)] for place in range(TENSORS)]
