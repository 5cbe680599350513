"""`adamms run`: everything from one file."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import Bars, tell_next
from adamms.cli.options import OUTPUT, Json, Overwrite, Resume


def run(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a YAML file.", metavar="RECIPE")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write; default: the recipe's name.", metavar="DIR", rich_help_panel=OUTPUT
        ),
    ] = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    json: Json = False,
) -> None:
    """Do what a recipe says: a merge, or a search that ends in one.

    Example: `adamms run qwen2vl-onevision.yaml --out run`
    """
    from adamms.cli.console import print_json
    from adamms.cli.search import show_search
    from adamms.recipes.recipe import read_recipe
    from adamms.runs import pipeline

    target = out or recipe.with_suffix("")
    result = pipeline.run(read_recipe(recipe), target, overwrite=overwrite, resume=resume, progress=Bars())
    if not isinstance(result, pipeline.MergeResult):
        show_search(result, json=json)
    elif json:
        print_json({"path": str(result.path), "summary": result.mapping.summary()})
    else:
        print(result.path)
        tell_next(target)
