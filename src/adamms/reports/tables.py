"""Tables for the terminal: a mapping's totals and groups, a checkpoint's contents.

Laid out for 80 columns, which is also what a pipe gets; long names fold and are never cut off. Draws plain
data and computes nothing.
"""

from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from adamms.reports.wording import parameters, percent, short_name, size

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource
    from adamms.mapping import Inspection, ParameterMapping
    from adamms.mapping.inspection import Share

HEADS = {"own": "a head of its own", "tied": "the head shares them", "none": "no head"}


def mapping_totals(mapping: "ParameterMapping") -> RenderableType:
    """A mapping in four lines."""
    totals = mapping.totals
    share = percent(totals.parameters_merged / totals.parameters) if totals.parameters else "0%"
    return Group(
        Text.assemble(
            ("Mapping ", "bold"), short_name(mapping.base), (" <- ", "bold"), short_name(mapping.donor)
        ),
        Text.assemble(
            (f"  {totals.merged:,} tensors merged", "green"),
            ", ",
            (f"{totals.partly:,} in part", "yellow" if totals.partly else ""),
            f", {totals.kept:,} kept from the base",
        ),
        Text(
            f"  {parameters(totals.parameters_merged)} of {parameters(totals.parameters)} parameters "
            f"take part ({share})"
        ),
        *([] if mapping.share is None else [Text(f"  {mapping.verdict}")]),
        Text(f"  duplicates: {mapping.duplicates}, vocabulary: {mapping.vocabulary}", style="dim"),
    )


def mapping_tables(mapping: "ParameterMapping", base: "TensorSource") -> list[RenderableType]:
    """A mapping's totals, then its tensors grouped over layers: merged with what, or kept and why."""
    from adamms.mapping import grouped

    groups = grouped(mapping, base)
    shown: list[RenderableType] = [mapping_totals(mapping)]
    prefix = _shared_prefix([group.donor for group in groups if group.donor and group.layers])
    for status, title in (("merged", "Merged"), ("partly", "Merged in part")):
        rows = [group for group in groups if group.status == status]
        if not rows:
            continue
        table = plain_table(title=title + (f" (donor layers: {prefix.removesuffix('.')})" if prefix else ""))
        table.add_column("slot", overflow="fold")
        table.add_column("layers", overflow="fold")
        for heading in ("tensors", "parameters"):
            table.add_column(heading, justify="right")
        table.add_column("with the donor's", overflow="fold")
        for group in rows:
            taken = "" if status == "merged" else f"{parameters(group.parameters_merged)} of "
            donor = group.donor.replace(prefix, "") if prefix else group.donor
            sources = [*donor.split(" + "), *([] if status == "merged" else [group.reason])]
            amount = f"{taken}{parameters(group.parameters)}"
            table.add_row(
                Text(group.label), group.layers, f"{group.tensors:,}", amount, Text("\n".join(sources))
            )
        shown.append(table)
    kept = plain_table(title="Kept from the base")
    kept.add_column("what", overflow="fold")
    for heading in ("tensors", "parameters"):
        kept.add_column(heading, justify="right")
    kept.add_column("why", overflow="fold")
    for group in groups:
        if group.status == "kept":
            cells = (
                Text(group.title),
                f"{group.tensors:,}",
                parameters(group.parameters),
                Text(group.reason),
            )
            kept.add_row(*cells)
    return [*shown, kept] if kept.row_count else shown


def inspection_tables(inspection: "Inspection") -> list[RenderableType]:
    """What a checkpoint is, its language model's slots, and what stands around it."""
    facts = plain_table(show_header=False)
    facts.add_column("fact", style="bold")
    facts.add_column("value", overflow="fold")
    for fact, value in _facts(inspection):
        facts.add_row(fact, Text(value))
    tables: list[RenderableType] = [facts]
    if inspection.slots:
        slots = plain_table(title="Slots of the language model")
        for heading, justify in (
            ("slot", "left"),
            ("layers", "left"),
            ("tensors", "right"),
            ("shape", "right"),
        ):
            slots.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
        slots.add_column("parameters", justify="right")
        for slot in inspection.slots:
            slots.add_row(
                Text(slot.role + (" (duplicate for images)" if slot.duplicate else "")),
                slot.layers,
                f"{slot.count:,}",
                " × ".join(str(length) for length in slot.shape),
                parameters(slot.parameters),
            )
        tables.append(slots)
    tables.append(_shares("Outside the language model", inspection.outside))
    tables.append(_shares("Number formats", inspection.dtypes))
    tables += [Text(f"Note: {note}") for note in inspection.notes]
    return tables


def _facts(inspection: "Inspection") -> list[tuple[str, str]]:
    facts = [
        ("model", inspection.source + (f" at {inspection.revision}" if inspection.revision else "")),
        (
            "architecture",
            f"{inspection.architecture or 'not said'} ({inspection.model_type or 'no model_type'})",
        ),
        (
            "size",
            f"{parameters(inspection.parameters)} parameters, {inspection.tensors:,} tensors, "
            f"{size(inspection.bytes)}, files ({inspection.format}): {inspection.shards}",
        ),
    ]
    language = inspection.language_model
    if language is None:
        return [*facts, ("language model", "none that is known")]
    heads = f", {language.heads} heads" if language.heads else ""
    shared = f" ({language.key_value_heads} for keys and values)" if language.key_value_heads else ""
    return [
        *facts,
        (
            "language model",
            f"{language.table}{f', {language.family}' if language.family else ''}, under "
            f"{language.prefix or 'the top level'}: {parameters(language.parameters)} parameters, "
            f"{language.layers} layers, width {language.hidden:,}{heads}{shared}",
        ),
        (
            "vocabulary",
            f"{language.vocabulary_rows:,} rows, {HEADS[language.head]}",
        ),
    ]


def _shared_prefix(names: list[str]) -> str:
    """What all names have before their layer's own part, `model.layers.*.`; empty if they do not agree."""
    prefixes = list(dict.fromkeys(name.rpartition("layers.*.")[0] + "layers.*." for name in names))
    single = [name for name in names if "layers.*." in name]
    return prefixes[0] if len(prefixes) == 1 and len(single) == len(names) else ""


def _shares(title: str, shares: "tuple[Share, ...]") -> RenderableType:
    table = plain_table(title=title)
    table.add_column("", overflow="fold")
    for heading in ("tensors", "parameters", "bytes"):
        table.add_column(heading, justify="right")
    for share in shares:
        table.add_row(Text(share.name), f"{share.tensors:,}", parameters(share.parameters), size(share.bytes))
    return table


def plain_table(*, title: str | None = None, show_header: bool = True, gap: int = 0) -> Table:
    """A table as all of ours look, `gap` spaces behind a cell."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_header=show_header,
        pad_edge=False,
        padding=(0, gap, 0, 0),
    )
