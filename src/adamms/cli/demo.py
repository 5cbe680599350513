"""`adamms demo`: the whole method on a shipped pair, in under a minute."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import Bars, show
from adamms.cli.options import ASKED, OUTPUT
from adamms.zoo import DEFAULT, PAIRS, shipped_pair


def demo(
    out: Annotated[
        Path, typer.Option(help="The run directory to write.", metavar="DIR", rich_help_panel=OUTPUT)
    ] = Path("adamms-demo"),
    pair: Annotated[
        str,
        typer.Option(
            help=f"Base and donor: {', '.join(PAIRS)}.", metavar="BASE-DONOR", rich_help_panel=ASKED
        ),
    ] = DEFAULT,
) -> None:
    """Map, search and merge two small models that ship with the package.

    Example: `adamms demo --pair cogvlm-llava`
    """
    from adamms.recipes.recipe import make_recipe
    from adamms.reports.selection_tables import candidates_table
    from adamms.reports.tables import mapping_totals
    from adamms.runs import pipeline
    from adamms.runs.search_run import SearchResult
    from adamms.searching.verdicts import how_sure

    shipped = shipped_pair(pair)
    base, donor = shipped.titles
    print(f"Merging two small models of different architectures, {base} (base) and {donor} (donor):")
    print("map their parameters, choose alpha without labels on held-out pictures, write the merged model.")
    recipe = make_recipe(
        base=str(shipped.base),
        donor=str(shipped.donor),
        search={
            "inputs": shipped.inputs,
            "samples": 200,
            "max_new_tokens": 8,
            "batch_size": 32,
            "exhaustive": True,  # every candidate's accuracy on the same inputs
        },
    )
    result = pipeline.run(recipe, out, overwrite=True, progress=Bars(), answers=shipped.true_answers())
    assert isinstance(result, SearchResult)
    assert result.accuracy is not None
    selection, accuracy = result.selection, result.accuracy
    show(mapping_totals(result.mapping), candidates_table(selection, accuracy=accuracy))
    best = max(accuracy, key=lambda alpha: (accuracy[alpha], -alpha))
    lowest, chosen = min(accuracy), selection.selected
    print(
        f"Chosen without labels: alpha {chosen:g}, accuracy {accuracy[chosen]:.1%}. "
        f"Best of all candidates: alpha {best:g}, {accuracy[best]:.1%}. "
        f"The base alone: {accuracy[lowest]:.1%}."
    )
    show(" ".join(how_sure(selection)))
    merged = out / result.merged.name
    classes = "import adamms.models; " if shipped.needs_our_classes else ""
    print(f"merged model  {merged}")
    print(f"report        {out / result.report.name}")
    print(
        f"load it       {classes}from transformers import AutoModelForImageTextToText; "
        f'model = AutoModelForImageTextToText.from_pretrained("{merged}")'
    )
