"""`adamms map`: which of the donor's tensors correspond to which of the base's."""

from pathlib import Path
from typing import Annotated

import typer

from adamms.cli.console import Bars, print_json, save_json, show
from adamms.cli.options import Base, Donor, Duplicates, Json, Vocabulary


def map_(
    base: Base,
    donor: Donor,
    duplicates: Duplicates = "paired",
    vocabulary: Vocabulary = "tokens",
    json: Json = False,
    save: Annotated[Path | None, typer.Option(help="Write the mapping to this JSON file.")] = None,
) -> None:
    """Map the donor's parameters onto the base's (step 1), from headers only: no tensor is read.

    Example: `adamms map Qwen/Qwen2-VL-7B-Instruct llava-hf/llava-onevision-qwen2-7b-ov-hf`
    """
    from adamms.checkpoints import Checkpoint
    from adamms.mapping import map_parameters

    with Checkpoint.open(base) as base_model, Checkpoint.open(donor) as donor_model:
        mapping = map_parameters(base_model, donor_model, duplicates=duplicates, vocabulary=vocabulary)
        if save:
            save_json(save, mapping.to_json())
        for note in mapping.notes:
            Bars().say(note)
        if json:
            print_json(mapping.to_json())
            return
        from adamms.reports import mapping_tables

        show(*mapping_tables(mapping, base_model))
    if save:
        Bars().say(f"The mapping is saved in {save}.")
