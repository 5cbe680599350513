"""`adamms map`: which of the donor's tensors correspond to which of the base's."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adamms.cli.console import Bars, print_json, save_json, show
from adamms.cli.option_groups import MappingGroup, grouped
from adamms.cli.options import MAPPING, OUTPUT, AllowPartial, Base, Donor, Json, Pretrained

if TYPE_CHECKING:
    from adamms.mapping.ancestor import WeightSimilarity
    from adamms.mapping.discovery import Discovery


@grouped
def map_(
    base: Base,
    donor: Donor,
    *,
    options: MappingGroup,
    allow_partial: AllowPartial = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Compare a few weights: do the two (and --pretrained) share an ancestor?",
            rich_help_panel=MAPPING,
        ),
    ] = False,
    pretrained: Pretrained = None,
    discover: Annotated[
        bool,
        typer.Option(
            "--discover", help="Find what an unknown layout holds by its weights.", rich_help_panel=MAPPING
        ),
    ] = False,
    reference: Annotated[
        str | None,
        typer.Option(
            help="For --discover: a relative of known layout; default: the other model.",
            metavar="MODEL",
            rich_help_panel=MAPPING,
        ),
    ] = None,
    json: Json = False,
    save: Annotated[
        Path | None,
        typer.Option(help="Write the mapping to this JSON file.", metavar="FILE", rich_help_panel=OUTPUT),
    ] = None,
) -> None:
    """Show which of the donor's parameters meet which of the base's (step 1).

    Read from headers alone, no tensor is read; a hub id downloads no weights. With `--check` a few rows of
    weights are read, with `--discover` some of every tensor.

    Example: `adamms map Qwen/Qwen2-VL-7B-Instruct llava-hf/llava-onevision-qwen2-7b-ov-hf`
    """
    from adamms.adapters import open_model
    from adamms.mapping import map_parameters

    with ExitStack() as models:
        base_model, donor_model = (models.enter_context(open_model(model)) for model in (base, donor))
        ancestor, relative = (
            models.enter_context(open_model(model)) if model else None for model in (pretrained, reference)
        )
        discoveries: tuple[Discovery, ...] = ()
        similarities: tuple[WeightSimilarity, ...] = ()
        if discover:
            from adamms.mapping.discovered_mapping import discover_mapping

            discovered = discover_mapping(
                base_model, donor_model, reference=relative or ancestor, **options.flat()
            )
            mapping, discoveries = discovered.mapping, discovered.discoveries
        else:
            mapping = map_parameters(base_model, donor_model, allow_partial=allow_partial, **options.flat())
        document = mapping.to_json()
        if discover:
            document["discovery"] = [discovery.to_json() for discovery in discoveries]
        if check:
            from adamms.mapping.ancestor import check_family, family_json

            similarities = check_family(base_model, donor_model, mapping, pretrained=ancestor)
            document["ancestor"] = family_json(similarities)
        if save:
            save_json(save, document)
        for note in (*base_model.notes, *donor_model.notes, *mapping.notes):
            Bars().say(note)
        if json:
            print_json(document)
            return
        from adamms.reports.tables import mapping_tables, mapping_totals

        # A discovered layout has no names to group by: its own table says what is what.
        show(*([mapping_totals(mapping)] if discoveries else mapping_tables(mapping, base_model)))
        if discoveries or similarities:
            from adamms.reports.weight_tables import discovery_table, similarity_table

            shown = [similarity_table(similarities)] if similarities else []
            show(*map(discovery_table, discoveries), *shown)
    if save:
        Bars().say(f"The mapping is saved in {save}.")
