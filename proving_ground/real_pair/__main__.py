"""`python -m proving_ground.real_pair --out DIR`: from packages to the answers of every merge, by stages.

Every stage is kept in DIR and not made twice; a stage of several models runs as several processes (`--jobs`).
`--scale` shortens all trainings. On a GPU everything takes minutes, on two cores hours: docs/real-pair.md has
the times.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from adamms.errors import AdaMMSError

SPLITS = ("development", "reporting", "text-development", "text-reporting")
STAGES = ("origin", "features", "align", "grow", "assemble", "alone", "behind", "ask")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.real_pair", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(".zoo/real-pair"))
    parser.add_argument("--stages", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--only", nargs="+", help="families, siblings or pairs instead of all")
    parser.add_argument("--split", default="reporting", choices=SPLITS)
    parser.add_argument("--sample", type=int, help="questions a task to ask, no more; answers lie apart")
    parser.add_argument("--settings", nargs="+", help="merges by name instead of all, without opinions")
    parser.add_argument("--device", default=None, help="cuda where there is one, else cpu")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--workers", type=int, default=0, help="processes that make batches, a training")
    parser.add_argument("--rows", type=int, default=None, help="of a batch of answers")
    parser.add_argument("--scale", type=float, default=1.0, help="of all numbers of steps")
    parser.add_argument("--until", type=float, default=None, help="time of the clock to begin nothing new at")
    parser.add_argument("--scratch", type=Path, default=None, help="where merges are written for a moment")
    options = parser.parse_args(arguments)
    try:
        _do_stages(options)
    except AdaMMSError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _do_stages(options: argparse.Namespace) -> None:
    for stage in options.stages:
        started = time.monotonic()
        names = _names(stage, options.only, split=options.split)
        if options.jobs > 1 and len(names) > 1:
            _spread(stage, names, options)
        else:
            for name in names:
                _do(stage, name, options)
        print(f"{stage}: {time.monotonic() - started:.1f} s", flush=True)


def _names(stage: str, only: Sequence[str] | None, *, split: str) -> list[str]:
    """Return what a stage is done for, each by itself."""
    from proving_ground.real_pair.families import FAMILIES
    from proving_ground.real_pair.siblings import PAIRS, SIBLINGS

    text = split.startswith("text-")
    everything = {
        "origin": ["all"],
        "features": ["all"],
        "align": list(FAMILIES),
        "grow": list(SIBLINGS),
        "assemble": list(SIBLINGS),
        "alone": [name for name, sibling in SIBLINGS.items() if sibling.text is None],
        "behind": ["all"],
        "ask": [pair.name for pair in PAIRS if pair.kind != "two language models" or text],
    }[stage]
    if text:
        everything = [name for name in everything if "smol" in name]
    return [name for name in everything if only is None or name in only or everything == ["all"]]


def _spread(stage: str, names: Sequence[str], options: argparse.Namespace) -> None:
    """Do a stage's parts in processes of their own, so many at once."""
    waiting, running = list(names), list[subprocess.Popen[bytes]]()
    failed = 0
    while waiting or running:
        while waiting and len(running) < options.jobs:
            command = [sys.executable, "-m", "proving_ground.real_pair", "--out", str(options.out)]
            command += ["--stages", stage, "--only", waiting.pop(0), "--split", options.split]
            command += ["--workers", str(options.workers), "--scale", str(options.scale)]
            if options.settings:
                command += ["--settings", *options.settings]
            for name in ("device", "rows", "until", "scratch", "sample"):
                if getattr(options, name) is not None:
                    command += [f"--{name}", str(getattr(options, name))]
            running.append(subprocess.Popen(command))
        for process in [process for process in running if process.poll() is not None]:
            failed += process.returncode != 0
            running.remove(process)
        time.sleep(0.1)
    if failed:
        raise SystemExit(f"{failed} of {len(names)} parts of the stage {stage!r} failed; see above.")


def _do(stage: str, name: str, options: argparse.Namespace) -> None:
    # Before torch starts its threads: waiting threads must not eat the other core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from proving_ground.real_pair.sampling import sample_name
    from proving_ground.real_pair.workshop import Workshop

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda":  # products of float32 in TF32: ten bits of mantissa, sums in float32
        torch.backends.cuda.matmul.allow_tf32 = True
    split = sample_name(options.split, options.sample)
    shown = None if options.sample is None or stage not in ("features", "alone", "behind", "ask") else split
    shop = Workshop(options.out, device=device, workers=options.workers, scale=options.scale, shown=shown)
    rows = options.rows or (1024 if device == "cuda" else 64)
    if stage == "origin":
        from proving_ground.real_pair.origin import make_origin

        make_origin(options.out)
    elif stage == "features":
        assert len(shop.raw)
    elif stage == "align":
        shop.align(name)
    elif stage == "grow":
        shop.grow(name)
    elif stage == "assemble":
        shop.assemble(name)
    elif stage == "alone":
        from proving_ground.real_pair.asking import ask_alone

        ask_alone(shop, name, split, rows=rows)
    elif stage == "behind":
        from proving_ground.real_pair.behind import ask_behind

        ask_behind(shop, split, rows=rows)
    else:
        _ask(shop, name, split, rows, options)


def _ask(shop: object, name: str, split: str, rows: int, options: argparse.Namespace) -> None:
    from adamms.merging.methods import all_methods
    from proving_ground.real_pair.asking import ask_pair
    from proving_ground.real_pair.settings import further_settings, main_settings
    from proving_ground.real_pair.siblings import PAIRS

    pair = next(pair for pair in PAIRS if pair.name == name)
    known = tuple(rule.name for rule in all_methods())
    settings = main_settings(pair, known=known) + further_settings(pair, known=known)
    if options.settings:
        settings = [setting for setting in settings if setting.name in options.settings]
    left = None if options.until is None else time.monotonic() + options.until - time.time()
    ask_pair(
        shop,  # type: ignore[arg-type]
        pair,
        split,
        settings,
        rows=rows,
        until=left,
        scratch=options.scratch,
        opinions=not options.settings,
    )


if __name__ == "__main__":
    sys.exit(main())
