"""lmms-eval's way to our model: the entry point `lmms_eval.models` names `manifest` here.

lmms-eval calls it whenever it starts, so it imports nothing but lmms-eval's own registry; the model's class
is imported only where `--model adamms` asks for it.
"""

from typing import Any

CLASS = "adamms.harnesses.lmms_eval_model.AdaMMS"


def manifest() -> Any:
    """What lmms-eval knows of us: the name `adamms` and where its class is."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest(model_id="adamms", simple_class_path=CLASS)
