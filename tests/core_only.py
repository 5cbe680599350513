"""`adamms` as a user has it who installed the core alone: importing what the extras bring fails.

python -m core_only merge BASE DONOR ...        (a subprocess; `tests/` on its path)
"""

import importlib.abc
import sys

EXTRAS = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "accelerate",
    "sentence_transformers",
    "triton",
    "torchvision",
    "gradio",
)


class NotInstalled(importlib.abc.MetaPathFinder):
    """Finds none of the packages that the core leaves out."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    sys.meta_path.insert(0, NotInstalled())
    sys.argv[0] = "adamms"
    from adamms.cli import main

    main()
