"""The mapping f of section 3.1: for every base tensor the corresponding donor rows, or none, and why.

A value: it prints, saves as JSON, may be edited by hand and is read back. It holds names and row ranges;
`check` fits it to two checkpoints and refuses what does not fit. How it is found is `matching`'s matter.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from math import floor, prod
from typing import TYPE_CHECKING, Any

from adamms.errors import MappingError, require_packages
from adamms.mapping.areas import misfitting_areas
from adamms.mapping.mapping_json import MappingReader, tensors_to_json
from adamms.mapping.module_names import NOT_A_PARAMETER, what_is
from adamms.mapping.segments import Shapes, TensorMapping, covered_rows, misfits, status_of

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource

NOT_NAMED = "not named in the mapping"
PROBLEMS_SHOWN = 10
DOCUMENT_KEYS = (
    *("base", "donor", "duplicates", "vocabulary", "summary", "notes", "tensors"),
    # Beside them where `adamms map` was asked for more.
    *("ancestor", "discovery"),
)


@dataclass(frozen=True)
class Totals:
    """A mapping in figures; the parameters of a base tensor are merged as far as its rows are mapped.

    `language_parameters` is the size of the base's language model, and 0 where that is not known.
    """

    merged: int = 0
    partly: int = 0
    kept: int = 0
    parameters_merged: int = 0
    parameters: int = 0
    language_parameters: int = 0
    donor_tensors_used: int = 0
    donor_tensors_unused: int = 0


@dataclass(frozen=True, repr=False)
class ParameterMapping:
    """Every base tensor's fate in the base's order, and how the mapping came about.

    `duplicates` and `vocabulary` are the readings it was made with; `notes` are warnings for people.
    """

    base: str
    donor: str
    duplicates: str
    vocabulary: str
    tensors: dict[str, TensorMapping]
    totals: Totals
    notes: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        """How much of the base's language model takes the donor's values, from 0 to 1; None if unknown."""
        if not self.totals.language_parameters:
            return None
        return self.totals.parameters_merged / self.totals.language_parameters

    @property
    def verdict(self) -> str:
        """How much of the base's language model takes part, in the words of tables, pages and cards."""
        if self.share is None:
            return "how much of the base's language model takes part is not known"
        # Rounded down: 100 % is all of it.
        return f"{floor(self.share * 1000) / 10:g}% of the base's language model takes part"

    @property
    def brief(self) -> str:
        """The mapping in a few words."""
        totals = self.totals
        return f"{totals.merged} tensors merged, {totals.partly} in part, {totals.kept} kept"

    def __repr__(self) -> str:
        return f"ParameterMapping({self.base!r} <- {self.donor!r}: {self.brief})"

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row a tensor of the base: status, reason, and what of the donor it takes.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        require_packages("pandas")
        import pandas

        rows = [
            {
                "tensor": name,
                "status": entry.status,
                "donor": " + ".join(dict.fromkeys(segment.donor for segment in entry.segments)),
                "reason": entry.reason,
            }
            for name, entry in self.tensors.items()
        ]
        return pandas.DataFrame(rows).set_index("tensor")

    def summary(self) -> dict[str, int]:
        """The totals by name, as `adamms map --json` prints them."""
        return asdict(self.totals)

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON: the contract of `adamms map --json`."""
        return {
            "base": self.base,
            "donor": self.donor,
            "duplicates": self.duplicates,
            "vocabulary": self.vocabulary,
            "summary": self.summary(),
            "notes": list(self.notes),
            "tensors": tensors_to_json(self.tensors),
        }

    @classmethod
    def from_json(
        cls, data: object, *, base: "TensorSource | None" = None, donor: "TensorSource | None" = None
    ) -> "ParameterMapping":
        """Read a mapping back, and `check` it if both checkpoints are given.

        Figures that the data lacks are 0 until it is checked.

        Raises:
            MappingError: it is not a mapping, or does not fit; all problems are in the message.
        """
        reader = MappingReader()
        document = reader.table("the mapping", data)
        reader.known("the mapping", document, DOCUMENT_KEYS)
        summary = reader.table("summary", document.get("summary", {}))
        figures = {field.name: summary.get(field.name, 0) for field in fields(Totals)}
        reader.problems += [
            f"summary, {name}: expected a number, found {figure!r}."
            for name, figure in figures.items()
            if type(figure) is not int
        ]
        mapping = cls(
            **{
                key: reader.text(key, document.get(key, ""))
                for key in ("base", "donor", "duplicates", "vocabulary")
            },
            tensors=reader.tensors(document.get("tensors")),
            totals=Totals(**figures),
            notes=tuple(
                reader.text("notes", note) for note in reader.list("notes", document.get("notes", []))
            ),
        )
        if reader.problems:
            raise MappingError(
                _listed("This is not a mapping as adamms map --save writes it", reader.problems)
            )
        return mapping.check(base, donor) if base and donor else mapping

    def check(self, base: "TensorSource", donor: "TensorSource") -> "ParameterMapping":
        """Fit a mapping to the two checkpoints it will merge.

        Returns:
            The mapping with every base tensor in it (one that an edited file leaves out is kept), and with
            the statuses and totals that follow from its segments.

        Raises:
            MappingError: a name does not exist, rows are out of range or mapped twice, shapes differ, or what
                is no parameter is mapped; all problems are in the message.
        """
        ours, theirs = shapes_of(base), shapes_of(donor)
        problems: list[str] = []
        for name, entry in self.tensors.items():
            if name in ours:
                plain = all(segment.is_plain for segment in entry.segments)
                problems += (misfits if plain else misfitting_areas)(
                    name, ours[name], entry.segments, donor=theirs, source=donor.source
                )
                if entry.segments and what_is(name) == NOT_A_PARAMETER:
                    problems.append(f"{name}: {NOT_A_PARAMETER}, never merged; remove its segments.")
            else:
                problems.append(f"{name}: there is no such tensor in {base.source}.")
        if problems:
            raise MappingError(
                _listed(f"The mapping does not fit {base.source} and {donor.source}", problems)
            )
        tensors = {name: _fitted(self.tensors.get(name), shape) for name, shape in ours.items()}
        return replace(
            self,
            tensors=tensors,
            totals=count(tensors, ours, donor_tensors=len(theirs), language=self.totals.language_parameters),
        )


def shapes_of(checkpoint: "TensorSource") -> Shapes:
    """A checkpoint's shapes by tensor name."""
    return {name: info.shape for name, info in checkpoint.tensors.items()}


def count(
    tensors: Mapping[str, TensorMapping], shapes: Shapes, *, donor_tensors: int, language: int = 0
) -> Totals:
    """Add a mapping up over the base's shapes; `language` is the size of the base's language model."""
    statuses = [entry.status for entry in tensors.values()]
    used = len(dict.fromkeys(segment.donor for entry in tensors.values() for segment in entry.segments))
    return Totals(
        merged=statuses.count("merged"),
        partly=statuses.count("partly"),
        kept=statuses.count("kept"),
        parameters_merged=sum(
            covered_rows(entry.segments, shapes[name]) * prod(shapes[name][1:])
            for name, entry in tensors.items()
        ),
        parameters=sum(prod(shape) for shape in shapes.values()),
        language_parameters=language,
        donor_tensors_used=used,
        donor_tensors_unused=donor_tensors - used,
    )


def _fitted(entry: TensorMapping | None, shape: tuple[int, ...]) -> TensorMapping:
    if entry is None:
        return TensorMapping("kept", NOT_NAMED)
    return replace(entry, status=status_of(entry.segments, shape))


def _listed(sentence: str, problems: list[str]) -> str:
    hidden = len(problems) - PROBLEMS_SHOWN
    more = [f"  ... and {hidden} more problems"] if hidden > 0 else []
    return "\n".join([f"{sentence}:", *(f"  {problem}" for problem in problems[:PROBLEMS_SHOWN]), *more])
