"""Mapping reads headers and nothing else: fast, and without torch."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import layouts
from adamms.mapping import find_decoder, grouped, map_parameters
from adamms.mapping.vocabulary_rows import align_tokens

PAIRS = [
    ("Qwen/Qwen2-VL-7B-Instruct", "llava-hf/llava-onevision-qwen2-7b-si-hf"),
    ("THUDM/cogvlm-chat-hf", "MAGAer13/mplug-owl2-llama2-7b"),
]


@pytest.mark.parametrize(("base", "donor"), PAIRS)
def test_mapping_takes_a_tenth_of_a_second_at_most(model, base: str, donor: str) -> None:
    ours, theirs = model(base), model(donor)

    def once() -> float:
        start = time.process_time()
        grouped(map_parameters(ours, theirs), ours)
        return time.process_time() - start

    assert min(once() for _ in range(5)) < 0.1


def test_aligning_two_large_vocabularies_takes_no_time_to_speak_of() -> None:
    base = {f"token {row}": row for row in range(152_000)}
    donor = {token: row + (row > 100_000) for token, row in base.items()}
    start = time.process_time()
    assert len(align_tokens(base, donor)) == 2
    assert time.process_time() - start < 1


def test_finding_a_decoder_does_not_depend_on_the_order_of_names(model, build) -> None:
    config, tensors = layouts.read_layout(PAIRS[0][1])
    shuffled = build("shuffled", dict(sorted(tensors.items(), key=lambda item: item[0][::-1])), config=config)
    assert sorted(place.tensor for place in find_decoder(shuffled).places) == sorted(
        place.tensor for place in find_decoder(model(PAIRS[0][1])).places
    )


def test_neither_torch_nor_transformers_is_imported(tmp_path: Path) -> None:
    base, donor = (layouts.write_layout(tmp_path, name) for name in PAIRS[0])
    layouts.write_tokenizer(base, {"a": 0, "b": 1})
    layouts.write_tokenizer(donor, {"a": 0, "b": 1})
    code = f"""
import sys
from adamms.checkpoints import Checkpoint
from adamms.mapping import MappedDonor, grouped, inspect_checkpoint, map_parameters
with Checkpoint.open({str(base)!r}) as base, Checkpoint.open({str(donor)!r}) as donor:
    mapping = map_parameters(base, donor)
    MappedDonor(mapping, base, donor).pieces("lm_head.weight")
    inspect_checkpoint(base), grouped(mapping, base), mapping.to_json()
    assert mapping.totals.partly == 2
heavy = ("torch", "transformers", "pydantic", "huggingface_hub", "numpy")
assert not any(name in sys.modules for name in heavy)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
