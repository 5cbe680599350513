"""How much of the package a verb imports: a budget, so that a reader of one verb need not know all."""

import subprocess
import sys
from pathlib import Path

import pytest

from adamms.zoo import shipped_pair

PAIR = shipped_pair()
MODELS = (PAIR.base, PAIR.donor)
COUNT = """
import sys
from pathlib import Path
modules = Path(sys.argv.pop(1))
from adamms.cli import main
try:
    main()
finally:
    ours = sorted(name for name in sys.modules if name.partition(".")[0] == "adamms")
    modules.write_text(" ".join(ours))
"""
SEARCH = ("--inputs", PAIR.inputs, "--samples", 3, "--max-new-tokens", 2, "--alphas", "0,0.3,0.6")


@pytest.mark.parametrize(
    ("budget", "verb"),
    [
        (50, ("map", *MODELS)),
        (92, ("merge", *MODELS, "--alpha", 0.3, "--out", "out")),
        (187, ("search", *MODELS, *SEARCH, "--out", "out")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_verb_imports_no_more_than_its_budget(
    budget: int, verb: tuple[object, ...], tmp_path: Path
) -> None:
    arguments = [tmp_path / "out" if part == "out" else part for part in verb]
    modules = tmp_path / "modules"
    command = [sys.executable, "-c", COUNT, str(modules), *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    imported = modules.read_text().split()
    assert len(imported) <= budget, imported
