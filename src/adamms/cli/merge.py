"""`adamms merge`: one merged checkpoint with a known coefficient."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import Bars
from adamms.cli.options import (
    AllowPartial,
    Base,
    Donor,
    Duplicates,
    Exclude,
    Force,
    FurtherDonors,
    MappingFile,
    MaxShardSize,
    MethodName,
    Overwrite,
    Pretrained,
    Resume,
    Settings,
    StoredDtype,
    Threads,
    Vocabulary,
    parse_alpha,
    parse_donors,
    parse_settings,
)


def merge(
    base: Base,
    donor: Donor,
    out: Annotated[Path, typer.Option(help="The folder to write; it appears whole or not at all.")],
    alpha: Annotated[
        str | None,
        typer.Option(
            help="The donor's weight, from 0 to 1; over depth 0,0.5,0.2; by part attention=0.4;mlp=0.2."
        ),
    ] = None,
    donors: FurtherDonors = None,
    method: MethodName = "linear",
    settings: Settings = None,
    pretrained: Pretrained = None,
    mapping: MappingFile = None,
    duplicates: Duplicates = "paired",
    vocabulary: Vocabulary = "tokens",
    exclude: Exclude = None,
    allow_partial: AllowPartial = False,
    force: Force = False,
    dtype: StoredDtype = None,
    max_shard_size: MaxShardSize = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
) -> None:
    """Merge the donor into the base and write a checkpoint that loads as the base does (step 2).

    Example: `adamms merge BASE DONOR --alpha 0.3 --out merged`, or
    `adamms merge BASE DONOR --method ties --pretrained LLM --set density=0.2 --out merged`
    """
    from adamms.recipes.recipe import make_recipe
    from adamms.runs import pipeline

    recipe = make_recipe(
        base=base,
        donor=donor,
        donors=parse_donors(donors),
        pretrained=pretrained,
        force=force,
        mapping={
            "duplicates": duplicates,
            "vocabulary": vocabulary,
            "exclude": exclude or (),
            "allow_partial": allow_partial,
            "file": mapping,
        },
        merge={
            "method": method,
            "alpha": parse_alpha(alpha),
            "settings": parse_settings(settings),
            "dtype": dtype,
            "max_shard_size": max_shard_size,
            "threads": threads,
        },
    )
    result = pipeline.run(recipe, out, overwrite=overwrite, resume=resume, progress=Bars())
    print(result.path)
