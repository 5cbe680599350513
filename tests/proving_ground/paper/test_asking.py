"""A small run on a shipped pair: asked once, kept, gone on with."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from adamms.errors import AdaMMSError
from adamms.zoo import shipped_pair
from proving_ground.families import FAMILIES, TABLES
from proving_ground.many.growing import saved_model
from proving_ground.paper.answers import Archive
from proving_ground.paper.asking import ask_everything, merged_model
from proving_ground.paper.plan import BASELINES, Plan, Setting, grid, kept, linear, shrunk, weighted_ties

PAIR = "llava-mplug_owl2"


class Small(Plan):
    """Three merges instead of sixteen."""

    def tables(self, pair: str) -> Sequence[Setting]:
        return [linear(0.0), Setting("metagpt", method="metagpt")]

    def extras(self, pair: str) -> Sequence[Setting]:
        return [shrunk(1.0)]


PLAN = Small(pairs=(PAIR,), tasks=("existence", "price"), each=5, samples=3, draws=2, real=False)


def test_a_run_asks_once_and_goes_on_where_it_was(tmp_path: Path) -> None:
    archive, lines = Archive(tmp_path), list[str]()
    ask_everything(archive, PLAN, report=lines.append)
    files = sorted(path.name for path in (tmp_path / "answers" / PAIR).iterdir())
    assert files == ["linear-0.00.json", "metagpt.json", "shrunk-1.00.json"]
    assert len(archive.questions) == 10
    # Alpha 0 is the base; without embeddings and head there is nothing to tell answers apart by.
    base = archive.read("models", "llava")
    assert archive.read(PAIR, "linear-0.00").said == base.said
    assert len(set(base.said)) > 1
    assert len(set(archive.read(PAIR, "shrunk-1.00").said)) == 1

    (tmp_path / "answers" / PAIR / "metagpt.json").unlink()
    lines.clear()
    ask_everything(archive, PLAN, report=lines.append)
    assert lines == [f"{PAIR}: 1 merges of 10 questions"]
    lines.clear()
    ask_everything(archive, PLAN, report=lines.append)
    assert lines == []

    other = Small(pairs=(PAIR,), tasks=("existence",), each=4, real=False)
    with pytest.raises(AdaMMSError, match="holds answers to other questions"):
        ask_everything(archive, other, report=lines.append)


def test_the_vocabulary_kept_and_shrunk() -> None:
    pair, family = shipped_pair(PAIR), FAMILIES["llava"]
    base = family.originals(saved_model(pair.base, family))
    same, less = (family.originals(merged_model(pair, make(0.3))) for make in (kept, shrunk))
    plain = family.originals(merged_model(pair, linear(0.3)))
    for name, values in same.items():
        if name in TABLES:
            assert torch.equal(values, base[name])
            assert torch.equal(less[name], (base[name] * 0.7).to(torch.bfloat16).float())
            assert not torch.equal(plain[name], base[name])
        else:
            assert torch.equal(values, plain[name]) and torch.equal(values, less[name])


def test_what_a_plan_asks() -> None:
    plan = Plan()
    first, other = plan.pairs[0], "mplug_owl2-llava"
    names = [each.name for each in plan.tables(first)]
    assert names == [*(f"linear-{alpha:.2f}" for alpha in grid(0.1, 1.0)), *BASELINES]
    assert len(plan.extras(other)) == 0
    assert weighted_ties(0.3) in plan.extras("cogvlm-llava")
    assert weighted_ties(0.3).base_weight == 0.7
    extra = [each.name for each in plan.extras(first)]
    # 31 alphas at 0.02 and six more at 0.05, without the seven that every pair is asked.
    assert sum(name.startswith("linear") for name in extra) == 31 + 6 - 7
    assert len(set(names + extra)) == len(names + extra)


def test_answers_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(AdaMMSError, match="holds no answers of the paper's experiments"):
        _ = Archive(tmp_path).questions
    with pytest.raises(AdaMMSError, match=r"linear-0\.10\.json holds no answers"):
        Archive(tmp_path).read(PAIR, "linear-0.10")
