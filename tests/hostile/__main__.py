"""`python -m hostile [--quick] [--json FILE] [WORD ...]`: run kinds, print what was not held, count."""

import argparse
import json
import os
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from hostile.catalogue import every_kind
from hostile.kinds import Kind
from hostile.runner import Outcome, preload, run


def main() -> int:
    parser = argparse.ArgumentParser(prog="hostile", description=__doc__)
    parser.add_argument("words", nargs="*", help="groups, or parts of names; none: all")
    parser.add_argument(
        "--quick", action="store_true", help="every twentieth kind that needs no model, and the sound ones"
    )
    parser.add_argument("--json", type=Path, help="write every outcome to this file")
    parser.add_argument("--verbose", action="store_true", help="print what every kind said")
    options = parser.parse_args()
    kinds = [kind for kind in every_kind() if _wanted(kind, options.words)]
    if options.quick:
        kinds = [kind for kind in kinds if kind.quick and not kind.live]
        kinds = [kind for number, kind in enumerate(kinds) if kind.sound or number % 20 == 0]
    outcomes: list[Outcome] = []
    sound = {kind.name for kind in kinds if kind.sound}
    for live in (False, True):
        # Models last: what is forked before torch is imported is small.
        asked = [kind for kind in kinds if kind.live is live]
        if asked:
            preload(live=live)
        for kind in asked:
            outcome = run(kind)
            outcomes.append(outcome)
            if options.verbose or not outcome.held:
                print(_line(outcome), flush=True)
    held = Counter(
        outcome.name.partition("/")[0] for outcome in outcomes if outcome.held and outcome.name not in sound
    )
    tried = Counter(outcome.name.partition("/")[0] for outcome in outcomes if outcome.name not in sound)
    for group, count in tried.items():
        print(f"{group:14} {held[group]:4} of {count:4} held")
    print(f"{'all':14} {held.total():4} of {tried.total():4} held")
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1))
    return 0 if all(outcome.held for outcome in outcomes) else 1


def _wanted(kind: Kind, words: list[str]) -> bool:
    return not words or any(kind.name.startswith(word) or word in kind.name for word in words)


def _line(outcome: Outcome) -> str:
    said = " ".join(outcome.said.split())
    mark = "held" if outcome.held else "NOT HELD: " + ", ".join(outcome.problems)
    figures = f"{outcome.code}, {outcome.seconds:.1f} s, {outcome.megabytes:.0f} MB"
    return f"{outcome.name}: {mark} [{figures}] {said[:400]}"


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
