"""`adamms merge`: one merged checkpoint with a known coefficient."""

from typing import Annotated

import typer

from adamms.cli.console import Bars, print_json, show_forecast, tell_next
from adamms.cli.option_groups import MappingGroup, MergingGroup, grouped, spelt_as_options
from adamms.cli.option_values import parse_alpha, required_out
from adamms.cli.options import (
    MERGING,
    AllowPartial,
    Base,
    Donor,
    Json,
    Overwrite,
    Plan,
    PlannedOut,
    Resume,
    StoredDtype,
)


@grouped
def merge(
    base: Base,
    donor: Donor,
    out: PlannedOut = None,
    *,
    alpha: Annotated[
        str | None,
        typer.Option(
            help="The donor's weight, from 0 to 1; over depth 0,0.5,0.2; by part attention=0.4;mlp=0.2.",
            metavar="ALPHA",
            rich_help_panel=MERGING,
        ),
    ] = None,
    merging: MergingGroup,
    mapping: MappingGroup,
    allow_partial: AllowPartial = False,
    dtype: StoredDtype = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    plan: Plan = False,
    json: Json = False,
) -> None:
    """Merge the donor into the base with a weight you choose (step 2).

    The checkpoint loads as the base does.

    Examples: `adamms merge BASE DONOR --alpha 0.3 --out merged`,
    `adamms merge BASE DONOR --alpha 0.3 --plan`,
    `adamms merge BASE DONOR --alpha "attention=0.4;mlp=0.2" --out merged`,
    `adamms merge BASE DONOR --method ties --pretrained LLM --set density=0.2 --out merged`
    """
    from adamms.recipes.recipe import recipe_of
    from adamms.runs import pipeline

    target = None if plan else required_out(out)
    with spelt_as_options():
        recipe = recipe_of(
            base,
            donor,
            alpha=parse_alpha(alpha),
            dtype=dtype,
            allow_partial=allow_partial,
            **merging.flat(),
            **mapping.flat(),
        )
    if target is None:
        show_forecast(pipeline.plan_run(recipe, out, progress=Bars()), json=json)
        return
    result = pipeline.run(recipe, target, overwrite=overwrite, resume=resume, progress=Bars())
    if json:
        print_json({"path": str(result.path), "summary": result.mapping.summary()})
        return
    print(result.path)
    tell_next(target)
