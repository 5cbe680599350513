"""The corpus, its mutations, and JSON of any shape through every reader; `make fuzz` tries many more."""

import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.corpus import CORPUS
from fuzz.targets import TARGETS, held

FUZZING = int(os.environ.get("ADAMMS_FUZZ", "0"))
"""Examples a test; without it a few, the same every time."""
KEYS = (
    *(
        "base",
        "donor",
        "tensors",
        "status",
        "segments",
        "reason",
        "donor_rows",
        "summary",
        "candidates",
        "alpha",
    ),
    *(
        "selected",
        "tied",
        "rule",
        "text_config",
        "rope_theta",
        "rope_scaling",
        "factor",
        "architectures",
        "r",
    ),
    *("peft_type", "lora_alpha", "rank_pattern", "model", "vocab", "added_tokens", "content", "id", "merge"),
    *("search", "inputs", "model_type", "quantization_config", "tie_word_embeddings", "num_attention_heads"),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**299), 10**299)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["LORA", "linear", "merged", "kept", "sum"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
MANY = settings(
    max_examples=FUZZING or 20,
    deadline=None,
    derandomize=not FUZZING,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name: str) -> None:
    for raw in CORPUS[name]:
        held(TARGETS[name], raw)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@MANY
def test_mutations_of_the_corpus(name: str, data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(CORPUS[name])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 4))
        raw[at : at + cut] = data.draw(st.binary(max_size=4))
    held(TARGETS[name], bytes(raw))


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in ("pickle", "sentencepiece")])
@given(value=VALUES)
@MANY
def test_json_of_any_shape(name: str, value: Any) -> None:
    held(TARGETS[name], json.dumps(value).encode())
