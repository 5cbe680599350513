"""Which files of a PEFT adapter hold its settings and its weights."""

from adamms.checkpoints.model_files import ModelFiles
from adamms.checkpoints.weight_files import ADAPTER_CONFIG, BIN, SAFETENSORS, FileLayout, WeightFiles
from adamms.errors import CheckpointError

WEIGHTS = (("adapter_model.safetensors", SAFETENSORS), ("adapter_model.bin", BIN))
# What LLaVA's trainer keeps beside an adapter: the projector, trained whole.
EXTRA = "non_lora_trainables.bin"


def find_adapter_files(files: ModelFiles) -> WeightFiles:
    """Choose the weight files of a PEFT adapter.

    Raises:
        CheckpointError: it is none.
    """
    if not files.has(ADAPTER_CONFIG):
        raise CheckpointError(
            f"{files.source} is not a PEFT adapter: there is no {ADAPTER_CONFIG} in it; behind the plus "
            "sign, give the folder or hub id of an adapter."
        )
    extra = tuple(name for name in (EXTRA,) if name in files.names)
    for name, format_ in WEIGHTS:
        if name in files.names:
            return WeightFiles(format_, (name, *extra))
    raise CheckpointError(
        f"{files.source} is not a PEFT adapter: there is no {WEIGHTS[0][0]} or {WEIGHTS[1][0]} in it; "
        "behind the plus sign, give the folder or hub id of an adapter."
    )


ADAPTER = FileLayout(ADAPTER_CONFIG, find_adapter_files)
