"""Checkpoints that were saved half: weights that were not gathered, adapters that were not merged.

Their names look like a model's, and what would be said of them (an unknown layout, strangers) leads astray.
"""

import re

from adamms.checkpoints.tensor_source import TensorSource
from adamms.errors import CheckpointError

# PEFT's own name of the one adapter that training makes. Adapters under other names belong to the model, as
# Phi-4-multimodal's for images and speech do.
UNMERGED = re.compile(r".+\.lora_A(\.default)?\.weight")


def check_saved_whole(model: TensorSource) -> None:
    """Insist that a model's weights are all there, and what they are when it runs.

    Raises:
        CheckpointError: weights are empty, or low-rank matrices lie beside the weights that they change.
    """
    empty = [name for name, info in model.tensors.items() if info.shape == (0,) and name.endswith("weight")]
    if empty:
        raise CheckpointError(
            f"{len(empty)} weights of {model.source} are empty, the first {empty[0]}: the model was saved "
            "while DeepSpeed ZeRO-3 had them on other processes; save it again with "
            "stage3_gather_16bit_weights_on_model_save, or gather it with zero_to_fp32.py."
        )
    unmerged = [name for name in model.tensors if UNMERGED.fullmatch(name)]
    if unmerged:
        raise CheckpointError(
            f"{model.source} holds LoRA matrices beside the weights that they change, the first "
            f"{unmerged[0]}, so its weights are not those that it runs with; merge them with PEFT "
            "(merge_and_unload) and save it again, or save the adapter alone and name MODEL+ADAPTER."
        )
