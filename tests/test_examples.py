"""The recipes in examples/: each is read, and the one that needs no download is run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from adamms.recipes.recipe import read_recipe

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_a_recipe_and_is_listed(path: Path) -> None:
    read_recipe(path)
    assert f"[{path.name}]({path.name})" in (EXAMPLES / "README.md").read_text()


def test_the_small_pair_runs_from_a_clone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "adamms", "run", str(EXAMPLES / "small-pair.yaml")]
    subprocess.run([*command, "--out", str(tmp_path / "run")], check=True)
    selection = json.loads((tmp_path / "run" / "selection.json").read_text())
    assert selection["samples"] == 40
    assert (tmp_path / "run" / "merged" / "config.json").exists()
