"""`python -m proving_ground`: says what it lacks before any long work, and `adamms.zoo` is light."""

import subprocess
import sys
from pathlib import Path

import pytest

from adamms.zoo import shipped_pair
from proving_ground import __main__ as command
from proving_ground import packages
from proving_ground.vocabulary import NUMBERS


def test_missing_packages_are_named_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    assert command.main(["--out", str(tmp_path / "zoo")]) == 2
    told = capsys.readouterr().err
    assert "pip install scikit-learn" in told
    assert "pip install --no-deps easy-vqa==1.0" in told
    assert not (tmp_path / "zoo").exists()


def test_finding_the_shipped_pair_imports_nothing_heavy() -> None:
    heavy = "any(name in sys.modules for name in ('torch', 'transformers', 'numpy'))"
    program = f"import sys, adamms.zoo as zoo; zoo.shipped_pair(); print({heavy})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_true_answers_go_by_the_inputs_ids() -> None:
    answers = shipped_pair().true_answers()
    assert answers["digit-001"] in (*NUMBERS, "yes", "no")
