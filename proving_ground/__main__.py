"""`python -m proving_ground --out DIR`: grow the small models again from nothing (an hour on two cores)."""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from adamms.zoo import MODEL_FAMILIES
from proving_ground.packages import missing_packages


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and make the models; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write the models and inputs/ into")
    parser.add_argument("--seed", type=int, default=1, help="seed of every stage")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument(
        "--only",
        choices=[model_family.folder for model_family in MODEL_FAMILIES],
        help="grow one model family only",
    )
    options = parser.parse_args(arguments)
    if missing := missing_packages():
        print(missing, file=sys.stderr)
        return 2

    # Before torch starts its threads: waiting threads must not eat the other core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from proving_ground.making import Plan, make

    torch.set_num_threads(options.threads)
    plan = Plan()
    plan = replace(
        plan,
        model_families=tuple(
            model_family for model_family in MODEL_FAMILIES if options.only in (None, model_family.folder)
        ),
        pretraining={
            name: replace(settings, seed=options.seed) for name, settings in plan.pretraining.items()
        },
        tuning={name: replace(settings, seed=options.seed) for name, settings in plan.tuning.items()},
    )
    started = time.monotonic()
    make(options.out, plan, report=lambda line: print(line, flush=True))
    print(f"{options.out}: done in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
