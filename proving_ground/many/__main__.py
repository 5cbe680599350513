"""`python -m proving_ground.many --out DIR`: grow the many pairs and ask them (an hour of one core and more).

Every model and every pair's answers are kept as soon as they are there; a run that was stopped goes on where
it was. `DIR/answers` is what `python -m proving_ground.regret` reads.
"""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from proving_ground.many.stress_pairs import FIRST_STRESS_SEED, stress_pairs
from proving_ground.packages import missing_packages


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, grow and ask; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.many", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the models and their answers")
    parser.add_argument(
        "--seeds", type=int, nargs="*", default=[0, 1, 2], help="seeds to grow; 0 is development"
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--shipped", action="store_true", help="ask the eight shipped pairs, too")
    parser.add_argument(
        "--stress",
        action="store_true",
        help="grow the stress pairs, of seeds from 3 on; the odd are development",
    )
    parser.add_argument("--questions", type=int, default=500, help="questions a task")
    options = parser.parse_args(arguments)
    if wrong := [seed for seed in options.seeds if (seed >= FIRST_STRESS_SEED) != options.stress]:
        parser.error(f"--seeds {wrong[0]}: stress pairs (--stress) have seeds from {FIRST_STRESS_SEED} on.")
    if missing := missing_packages():
        print(missing, file=sys.stderr)
        return 2

    # Before torch starts its threads: waiting threads must not eat the other core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from proving_ground.many.making import Scale, ask_the_shipped, grow_and_ask

    torch.set_num_threads(options.threads)
    started = time.monotonic()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - started:.0f} s] {line}", flush=True)

    scale = Scale(each=options.questions)
    for seed in options.seeds:
        pairs = stress_pairs(seed) if options.stress else scale.pairs
        grow_and_ask(options.out, seed=seed, scale=dataclasses.replace(scale, pairs=pairs), report=report)
    if options.shipped:
        ask_the_shipped(options.out, scale=scale, report=report)
    report(f"{options.out}: done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
