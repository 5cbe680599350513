"""`python -m proving_ground.regret --answers DIR`: the regret tables of docs/signals.md, as Markdown."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from adamms.errors import AdaMMSError
from proving_ground.many.records import read_interviews
from proving_ground.regret.cells import Cell, cells
from proving_ground.regret.rules import all_rules
from proving_ground.regret.scoring import DRAWS, Outcome, outcomes
from proving_ground.regret.split import CHOOSING_PARTS, LATER, PARTS, STRESS, part
from proving_ground.regret.tables import by_kind, curves, differences, summaries


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the answers, print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.regret", description=__doc__)
    parser.add_argument("--answers", type=Path, required=True, help="folder of *.jsonl.bz2")
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws of questions to choose on")
    options = parser.parse_args(arguments)
    try:
        every = [cell for interview in read_interviews(options.answers) for cell in cells(interview)]
    except AdaMMSError as error:
        print(error, file=sys.stderr)
        return 2
    results = [outcome for cell in every for outcome in outcomes(cell, all_rules(), draws=options.draws)]
    for name in PARTS:
        _print_part(
            name,
            [cell for cell in every if part(cell.header) == name],
            [outcome for outcome in results if part(outcome.cell.header) == name],
        )
    apart = (*CHOOSING_PARTS, STRESS)
    reporting = [outcome for outcome in results if part(outcome.cell.header) not in apart]
    earlier = [outcome for outcome in reporting if part(outcome.cell.header) != LATER]
    _print_together("All reporting cells together", earlier)
    if len(reporting) > len(earlier):
        _print_together("All reporting cells and those asked last", reporting)
    return 0


def _print_part(name: str, here: Sequence[Cell], results: Sequence[Outcome]) -> None:
    if not here:
        return
    print(f"## {name}: {len(here)} cells\n\n### Regret by kind of task (number of cells)\n")
    print(by_kind(results, lambda summary: summary.regret), end="\n\n")
    print("### All measures\n")
    print(summaries(results), end="\n\n")
    print(f"### Against the paper's rule\n\n{differences(results)}\n")
    print(f"### Accuracy by alpha\n\n{curves(here)}\n")


def _print_together(name: str, results: Sequence[Outcome]) -> None:
    if not results:
        return
    count = len({outcome.cell.name for outcome in results})
    print(f"## {name}: {count} cells\n\n### Regret by kind of task (number of cells)\n")
    print(by_kind(results, lambda summary: summary.regret), end="\n\n")
    print(f"### Against the paper's rule\n\n{differences(results)}\n")


if __name__ == "__main__":
    sys.exit(main())
