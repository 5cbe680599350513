"""Every multimodal class of transformers, by the names and shapes it saves: its whole language model maps.

What is the language model was told apart by moving it in memory (`make coverage`), not by any name of ours.
"""

import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adamms.errors import MappingError
from adamms.mapping import map_parameters

LAYOUTS: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "data" / "coverage.json.gz").read_bytes())
)
DTYPES = {"torch.bfloat16": "BF16", "torch.float32": "F32", "torch.int64": "I64"}
# Their text-only siblings store other weights: a decoder without its encoder, and names in memory on disk.
REFUSED_SIBLINGS = ("florence2", "inkling_mm_model")


def opened(model_type: str, side: str) -> Any:
    """A checkpoint of names, shapes and a config, with nothing on disk."""
    held = LAYOUTS[model_type][side]
    tensors = {
        name: SimpleNamespace(name=name, shape=tuple(shape), dtype=DTYPES[dtype])
        for name, (shape, dtype, _) in held["tensors"].items()
    }
    return SimpleNamespace(
        source=f"{model_type}-{side}",
        config=held["config"],
        tensors=tensors,
        vocabulary=lambda: None,
        gives_parts=False,
    )


def language(model_type: str, side: str) -> list[str]:
    return [name for name, (*_, moves) in LAYOUTS[model_type][side]["tensors"].items() if moves]


WITH_SIBLING = [model_type for model_type, sides in LAYOUTS.items() if "text" in sides]


def test_no_class_is_left_out() -> None:
    assert len(LAYOUTS) >= 114
    assert len(WITH_SIBLING) >= 90


@pytest.mark.parametrize("model_type", LAYOUTS)
def test_all_of_a_language_model_maps_onto_itself_and_nothing_else(model_type: str) -> None:
    model = opened(model_type, "base")
    mapping = map_parameters(model, model)
    taken = {name: entry for name, entry in mapping.tensors.items() if entry.segments}
    # One number of Inkling's does not change when it is moved and rounded to bfloat16.
    assert [name for name in taken if not name.endswith("gate.global_scale")] == [
        name for name in language(model_type, "base") if not name.endswith("gate.global_scale")
    ]
    for name, entry in taken.items():
        assert (entry.status, [segment.donor for segment in entry.segments]) == ("merged", [name])
    assert mapping.verdict == "100% of the base's language model takes part"


@pytest.mark.parametrize("model_type", WITH_SIBLING)
def test_a_class_and_its_text_only_sibling_map_both_ways(model_type: str) -> None:
    base, text = opened(model_type, "base"), opened(model_type, "text")
    if model_type in REFUSED_SIBLINGS:
        for one, other in ((base, text), (text, base)):
            with pytest.raises(MappingError, match="has no counterpart in"):
                map_parameters(one, other)
        return
    into_text = map_parameters(text, base)
    assert not [name for name in language(model_type, "text") if not into_text.tensors[name].segments]
    into_base = map_parameters(base, text)
    moving = language(model_type, "base")
    assert not [name for name, entry in into_base.tensors.items() if entry.segments and name not in moving]
    # What the sibling has, and the base does not take: nothing but tokens it does not share and bare buffers.
    used = {segment.donor for entry in into_base.tensors.values() for segment in entry.segments}
    unused = [name for name in language(model_type, "text") if name not in used]
    assert not [name for name in unused if "embed_tokens" not in name and "lm_head" not in name]
