"""`adamms demo`: the whole method on the shipped pair, in under a minute."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import Bars, show


def demo(
    out: Annotated[Path, typer.Option(help="The run directory to write.")] = Path("adamms-demo"),
) -> None:
    """Map, search and merge a small Qwen2-VL and LLaVA-OneVision that ship with the package.

    Example: `adamms demo`
    """
    from adamms import pipeline
    from adamms.recipe import make_recipe
    from adamms.reports import candidates_table, mapping_totals
    from adamms.zoo import shipped_pair

    pair = shipped_pair()
    print("Merging two small models of different architectures, Qwen2-VL (base) and LLaVA-OneVision (donor):")
    print("map their parameters, choose alpha without labels on held-out pictures, write the merged model.")
    recipe = make_recipe(
        base=str(pair.base),
        donor=str(pair.donor),
        search={"inputs": pair.inputs, "samples": 200, "max_new_tokens": 8, "batch_size": 32},
    )
    result = pipeline.run(recipe, out, overwrite=True, progress=Bars(), answers=pair.true_answers())
    assert isinstance(result, pipeline.SearchResult)
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
    merged = out / pipeline.MERGED
    print(f"merged model  {merged}")
    print(f"report        {out / result.report.name}")
    print(
        "load it       from transformers import AutoModelForImageTextToText; "
        f'model = AutoModelForImageTextToText.from_pretrained("{merged}")'
    )
