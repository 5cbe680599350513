"""Packed batches are single turns, training learns them, and what changed survives four bits."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from proving_ground.real_pair import deltas
from proving_ground.real_pair.families import FAMILIES
from proving_ground.real_pair.families.base import language_weights
from proving_ground.real_pair.packing import Packer, make_packer, make_sources
from proving_ground.real_pair.training import Schedule, loss_of, train
from tests.proving_ground.real_pair.small_language import language, tokenizer

LINES = [
    {"picture": None, "prompt": "What is red?", "answer": "a flag", "weight": 1.0},
    {"picture": None, "prompt": "What is in the picture?", "answer": "a cat", "weight": 1.0},
]


def _packer(lines: Any, *, rows: int, length: int = 96) -> Packer:
    family = FAMILIES["llava"]
    sources = make_sources(family, tokenizer(), lines, pictures={})
    return make_packer(family, tokenizer(), sources, rows=rows, length=length, seed=1)


def test_questions_behind_one_beginning_do_not_see_one_another() -> None:
    weights = language_weights(language())
    both = _packer([{**line, "picture": None} for line in LINES], rows=1)
    sources = both.sources
    joined = Packer(both.before, (_joined(sources),), 1, 96, 1)
    packed = loss_of(weights, nn.Identity(), None, joined.batch(0), device="cpu")
    single = [
        loss_of(weights, nn.Identity(), None, Packer(both.before, (source,), 1, 96, 1).batch(0), device="cpu")
        for source in sources
    ]
    counts = [len(source.lines[0].say) for source in sources]
    mean = sum(float(loss) * count for loss, count in zip(single, counts, strict=True)) / sum(counts)
    assert float(packed) == pytest.approx(mean, rel=1e-5)


def _joined(sources: Any) -> Any:
    from dataclasses import replace

    return replace(sources[0], lines=tuple(line for source in sources for line in source.lines))


def test_a_batch_depends_on_its_number_alone() -> None:
    packer = _packer(LINES, rows=4)
    there = [batch.ids.tolist() for batch in packer.batches(0, 3, workers=0)]
    assert packer.batch(2).ids.tolist() == there[2]
    assert there[0] != there[1] or there[1] != there[2]


def test_a_line_that_is_too_long_for_a_row_is_left_out() -> None:
    batch = _packer(LINES, rows=2, length=20).batch(0)
    assert batch.ids.shape == (2, 20)
    assert (batch.targets == -100).all()


def test_training_lowers_the_loss_and_leaves_unused_tokens_alone() -> None:
    weights, packer, notes = language_weights(language()), _packer(LINES, rows=4), list[dict[str, Any]]()
    before = float(loss_of(weights, nn.Identity(), None, packer.batch(0), device="cpu"))
    trained = train(
        weights, nn.Identity(), None, packer, Schedule(12, 2e-3, 0.0), device="cpu", report=notes.append
    )
    assert float(loss_of(trained, nn.Identity(), None, packer.batch(0), device="cpu")) < before - 1
    assert notes[-1]["step"] == 12
    moved = (trained[deltas.EMBEDDING] != weights[deltas.EMBEDDING]).any(1).nonzero().squeeze(1).tolist()
    used = {token for source in packer.sources for line in source.lines for token in (*line.ask, *line.say)}
    assert set(moved) <= used | set(packer.before[0]) | set(packer.before[1])


def test_a_change_survives_its_files(tmp_path: Path) -> None:
    origin = language_weights(language())
    generator = torch.Generator().manual_seed(7)
    weights = {
        name: value + 0.01 * torch.randn(value.shape, generator=generator) for name, value in origin.items()
    }
    weights[deltas.EMBEDDING][100:] = origin[deltas.EMBEDDING][100:]
    arrays = deltas.pack(weights, origin)
    paths = deltas.save(tmp_path, arrays, part=200_000)
    assert len(paths) > 1
    back = deltas.unpack(deltas.load(tmp_path), origin)
    again = deltas.unpack(arrays, origin)
    for name, value in weights.items():
        assert torch.equal(back[name], again[name])
        lost = (back[name] - value).norm() / (value - origin[name]).norm()
        assert lost < 0.13
    assert torch.equal(back[deltas.EMBEDDING][100:], origin[deltas.EMBEDDING][100:])
    assert arrays[f"{deltas.EMBEDDING}|rows"].tolist() == list(range(100))
    packed = sum(array.nbytes for array in arrays.values())
    assert (
        packed
        < 0.6 * sum(np.prod(value.shape) for name, value in origin.items() if name != deltas.EMBEDDING)
        + 60_000
    )
