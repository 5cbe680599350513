"""`python -m proving_ground.regret --answers DIR`: the tables of docs/signals.md, as Markdown.

The short tables first, as that page shows them; then every rule on every part (docs/data/zoo-many/regret.md).
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adamms.errors import AdaMMSError
from proving_ground.many.records import read_interviews
from proving_ground.regret import tables
from proving_ground.regret.cells import Cell, cells
from proving_ground.regret.inputs import AtSize, at_sizes
from proving_ground.regret.reliability import Said, read_verdicts, verdicts
from proving_ground.regret.rules import ABLATIONS, MAIN, WITH_FEWER_INPUTS, WITNESSES, Rule, all_rules, named
from proving_ground.regret.scoring import DRAWS, Outcome, outcomes
from proving_ground.regret.split import DEVELOPMENT, LATER, PARTS, STRESS, STRESS_DEVELOPMENT, part

REPORTED = "Reporting: without the stress pairs"
GROUPS: dict[str, tuple[str, ...]] = {
    DEVELOPMENT: (DEVELOPMENT,),
    "Reporting: without the pairs asked last": tuple(
        name for name in PARTS if name not in (DEVELOPMENT, STRESS_DEVELOPMENT, STRESS, LATER)
    ),
    LATER: (LATER,),
    REPORTED: tuple(name for name in PARTS if name not in (DEVELOPMENT, STRESS_DEVELOPMENT, STRESS)),
    STRESS_DEVELOPMENT: (STRESS_DEVELOPMENT,),
    STRESS: (STRESS,),
}
"""What the short tables are of."""


@dataclass
class Study:
    """What was measured in all cells."""

    cells: list[Cell] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    sizes: list[AtSize] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    """By the witnesses, of generated answers."""
    said_by_reading: list[Said] = field(default_factory=list)

    def add(self, cell: Cell, rules: Sequence[Rule], *, draws: int) -> None:
        """Measure a cell."""
        self.cells.append(cell)
        self.outcomes += outcomes(cell, rules, draws=draws)
        self.sizes += at_sizes(cell, named(rules, WITH_FEWER_INPUTS), draws=draws)
        self.said += verdicts(cell, draws=draws)
        self.said_by_reading += read_verdicts(cell, draws=draws)

    def of(self, parts: Sequence[str]) -> "Study":
        """Return what was measured in these parts."""
        return Study(
            [cell for cell in self.cells if part(cell.header) in parts],
            [result for result in self.outcomes if part(result.cell.header) in parts],
            [result for result in self.sizes if part(result.cell.header) in parts],
            [result for result in self.said if part(result.cell.header) in parts],
            [result for result in self.said_by_reading if part(result.cell.header) in parts],
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the answers, print the tables; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.regret", description=__doc__)
    parser.add_argument("--answers", type=Path, required=True, help="folder of *.jsonl.bz2")
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws of questions to choose on")
    options = parser.parse_args(arguments)
    study, rules = Study(), all_rules()
    try:
        for interview in read_interviews(options.answers):
            for cell in cells(interview):
                study.add(cell, rules, draws=options.draws)
    except AdaMMSError as error:
        print(error, file=sys.stderr)
        return 2
    groups = {name: group for name, parts in GROUPS.items() if (group := study.of(parts)).cells}
    _print_short(groups)
    for name in PARTS:
        _print_part(name, study.of((name,)))
    return 0


def _print_short(groups: Mapping[str, Study]) -> None:
    outcomes_of = {name: group.outcomes for name, group in groups.items()}
    print(f"## Points lost\n\n{tables.by_part(outcomes_of, MAIN)}\n")
    for name, group in groups.items():
        print(f"### {name}: {len(group.cells)} cells, against the paper's rule\n")
        print(tables.differences(group.outcomes, MAIN), end="\n\n")
    print("## By kind of task\n")
    for name, group in groups.items():
        print(f"### {name}: {len(group.cells)} cells, by kind of task\n")
        print(tables.by_kind(group.outcomes, MAIN), end="\n\n")
    print(f"## With and without a fool\n\n{tables.by_part(_by_fools(groups), MAIN)}\n")
    print("## By pair\n")
    for name in (STRESS_DEVELOPMENT, STRESS):
        if name in groups:
            print(f"### {name}, by pair\n\n{tables.by_pair(groups[name].outcomes, MAIN)}\n")
    print(f"## Without a term\n\n{tables.by_part(outcomes_of, (WITNESSES, *ABLATIONS))}\n")
    print("## By number of inputs\n")
    for name, group in groups.items():
        print(f"### {name}, by number of inputs\n\n{tables.by_inputs(group.sizes)}\n")
    print("## Verdicts\n")
    for name, group in groups.items():
        print(f"### {name}, verdicts of everything generated\n\n{tables.verdict_table(group.said)}\n")
        print(f"### {name}, verdicts of reading alone\n\n{tables.verdict_table(group.said_by_reading)}\n")


def _by_fools(groups: Mapping[str, Study]) -> dict[str, list[Outcome]]:
    """Return the outcomes of the stress pairs with and without a parent that is sure of the wrong kind."""
    return {
        f"{name}, {'with' if fools else 'without'} a fool": [
            outcome for outcome in groups[name].outcomes if ("fool" in outcome.cell.header.pair) == fools
        ]
        for name in (STRESS_DEVELOPMENT, STRESS)
        if name in groups
        for fools in (False, True)
    }


def _print_part(name: str, here: Study) -> None:
    if not here.cells:
        return
    print(f"## {name}: {len(here.cells)} cells, every rule\n\n### Regret by kind of task (number of cells)\n")
    print(tables.by_kind(here.outcomes), end="\n\n")
    print(f"### All measures\n\n{tables.summaries(here.outcomes)}\n")
    print(f"### Against the paper's rule\n\n{tables.differences(here.outcomes)}\n")
    print(f"### Accuracy by alpha\n\n{tables.curves(here.cells)}\n")


if __name__ == "__main__":
    sys.exit(main())
