"""Merging against mergekit: processor time, wall time and peak memory of whole processes, run in turn.

    make bench-merge                                       # makes mergekit's own environment, then:
    python benchmarks/bench_against_mergekit.py --mergekit .bench/mergekit/bin/python --size S

Both read and write the same bfloat16 checkpoints. Ours runs with its defaults; mergekit with the flags that
serve it best. Where the rules agree (linear; TIES with trim=tensor) elements more than one bfloat16 step
apart are counted: mergekit computes in bfloat16, which shifts results near zero by many steps, and TIES'
thresholds and elections with them. That the rules agree is shown in float32, by tests/merging/test_golden.py.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench_merge import Cost, compiled, cost_of, models
from synthetic import write_checkpoint

if TYPE_CHECKING:
    from adamms import Checkpoint

SIDES = ("base", "donor", "llm")
FLAGS = ("--lazy-unpickle", "--no-copy-tokenizer", "--no-write-model-card", "--quiet")
PIECE = 1 << 23
# mergekit asks the config how many layers there are.
CONFIGS = {
    "S": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    "M": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12},
}


@dataclass(frozen=True)
class Case:
    """One method, in our words and in mergekit's.

    `ours` is timed; `same` are our settings that make the rules agree, or None where masks are random.
    """

    name: str
    ours: tuple[str, ...]
    same: tuple[str, ...] | None
    yaml: str
    ancestor: bool = True


MODELS = (
    "models:\n- model: {at}/base\n  parameters: {{{one}}}\n- model: {at}/donor\n  parameters: {{{two}}}\n"
)
CASES = (
    Case(
        "linear",
        ("--alpha", "0.3"),
        (),
        "merge_method: linear\n" + MODELS.replace("{one}", "weight: 0.7").replace("{two}", "weight: 0.3"),
        ancestor=False,
    ),
    Case(
        "ties",
        ("--method", "ties", "--set", "density=0.2"),
        ("--set", "trim=tensor"),
        "merge_method: ties\nbase_model: {at}/llm\n"
        + MODELS.replace("{one}", "weight: 1, density: 0.2").replace("{two}", "weight: 1, density: 0.2"),
    ),
    Case(
        "dare_linear",
        ("--method", "dare_linear", "--set", "drop=0.5"),
        None,
        "merge_method: dare_linear\nbase_model: {at}/llm\n"
        + MODELS.replace("{one}", "weight: 1, density: 0.5").replace("{two}", "weight: 1, density: 0.5"),
    ),
)


def main() -> None:
    """Build the models, run both in turn, print medians, ratios and how the outputs agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mergekit", type=Path, required=True, help="the Python of mergekit's environment")
    parser.add_argument("--size", choices=["S", "M"], default="S")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--method", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--folder", type=Path, help="where to build; default: a temporary folder")
    arguments = parser.parse_args()
    compiled()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        at = Path(name)
        layout, config = models(arguments.size)[0]
        for seed, side in enumerate(SIDES):
            sizes = {**CONFIGS[arguments.size], "num_key_value_heads": 2, "vocab_size": 151_936}
            write_checkpoint(at / side, layout, {**config, **sizes}, seed=100 * seed)
        for case in CASES:
            if not arguments.method or case.name in arguments.method:
                _compare(case, at, arguments.mergekit, runs=arguments.runs)


def _compare(case: Case, at: Path, mergekit: Path, *, runs: int) -> None:
    ours, theirs = [], []
    for _ in range(runs):
        ours.append(_ours(case, at, case.ours))
        theirs.append(_theirs(case, at, mergekit))
    for title, costs in (("adamms", ours), ("mergekit", theirs)):
        cpu, wall, memory = (
            statistics.median(getattr(cost, field) for cost in costs) for field in ("cpu", "wall", "memory")
        )
        print(f"{case.name:12} {title:9} cpu {cpu:7.2f} s   wall {wall:7.2f} s   peak {memory:6.0f} MB")
    pairs = list(zip(ours, theirs, strict=True))
    ratios = [
        statistics.median(getattr(their, field) / getattr(our, field) for our, their in pairs)
        for field in ("cpu", "wall", "memory")
    ]
    print(
        f"{case.name:12} mergekit / adamms: cpu {ratios[0]:.1f}, wall {ratios[1]:.1f}, memory {ratios[2]:.1f}"
    )
    if case.same is not None:
        if case.same:
            _ours(case, at, (*case.ours, *case.same))
        print(f"{case.name:12} {_differing(at)}")


def _ours(case: Case, at: Path, options: tuple[str, ...]) -> Cost:
    shutil.rmtree(at / "ours", ignore_errors=True)
    ancestor = ("--pretrained", str(at / "llm")) if case.ancestor else ()
    command = [
        sys.executable,
        "-m",
        "adamms",
        "merge",
        str(at / "base"),
        str(at / "donor"),
        *options,
        *ancestor,
    ]
    # Random weights have no common ancestor.
    return cost_of([*command, "--force", "--out", str(at / "ours")])


def _theirs(case: Case, at: Path, mergekit: Path) -> Cost:
    shutil.rmtree(at / "theirs", ignore_errors=True)
    recipe = at / "mergekit.yaml"
    recipe.write_text(
        case.yaml.replace("{{", "{").replace("}}", "}").replace("{at}", str(at)) + "dtype: bfloat16\n"
    )
    # It looks for a tokenizer on the hub when it finds none; there is none to find.
    os.environ["HF_HUB_OFFLINE"] = "1"
    run = [str(mergekit), "-m", "mergekit.scripts.run_yaml", str(recipe), str(at / "theirs"), *FLAGS]
    return cost_of(run)


def _differing(at: Path) -> str:
    """How many elements of the two outputs are more than one bfloat16 step apart."""
    from adamms import Checkpoint

    far = count = 0
    with Checkpoint.open(at / "ours") as ours, Checkpoint.open(at / "theirs") as theirs:
        for name in ours.tensors:
            if name not in theirs.tensors:
                continue
            # In pieces: the kernel's account of a process begins with the memory of the one that starts it.
            for start in range(0, ours.tensors[name].nbytes, PIECE):
                one, two = (_ordered(_bits(model, name, start)) for model in (ours, theirs))
                far += int((np.abs(one - two) > 1).sum())
                count += len(one)
    return f"{far:,} of {count:,} elements are more than one bfloat16 step from mergekit's"


def _bits(model: "Checkpoint", name: str, start: int) -> np.ndarray:
    """A piece of a bfloat16 tensor's bits, from a byte on."""
    data = np.empty(min(PIECE, model.tensors[name].nbytes - start), np.uint8)
    model.read_into(name, data.data, start=start)
    return data.view(np.uint16)


def _ordered(values: np.ndarray) -> np.ndarray:
    """Bfloat16 bits as integers in the order of their numbers."""
    wide = values.astype(np.int32)
    return np.where(wide & 0x8000, -(wide & 0x7FFF), wide)


if __name__ == "__main__":
    main()
