"""VLMEvalKit, run for real in its own environment on a local TSV, offline; skipped where it is not built."""

import csv
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from adamms.responses import read_responses
from adamms.zoo import shipped_pair
from tsv_task import write_tsv

COUNT = 10
PAIR = shipped_pair()


def adamms(*arguments: object, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adamms", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False, env=variables)


def test_vlmevalkit_asks_and_scores_our_model(
    vlmevalkit_python: Path, offline: dict[str, str], tmp_path: Path
) -> None:
    rows = write_tsv(PAIR.inputs, PAIR.answers, tmp_path / "SmallChoice.tsv", COUNT)
    variables = {**offline, "LMUData": str(tmp_path)}
    out = tmp_path / "alpha=0.10"
    done = adamms(
        *("eval", PAIR.base, "--harness", "vlmevalkit", "--harness-python", vlmevalkit_python),
        *("--task", "SmallChoice", "--max-new-tokens", 8, "--out", out, "--json"),
        variables=variables,
    )

    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    answers = read_responses(out / "vlmevalkit")[0.1]
    assert list(answers) == [f"SmallChoice:{index}" for index in range(COUNT)]
    # By hand: what is said, as a letter, against the right one.
    letters = {"yes": "A", "no": "B", "a": "A", "b": "B"}
    said = [letters.get(answers[f"SmallChoice:{row['index']}"].response.lower()) for row in rows]
    right = sum(letter == row["answer"] for letter, row in zip(said, rows, strict=True))
    assert 0 < right < COUNT
    assert result["tasks"]["SmallChoice"]["score"] == pytest.approx(right / COUNT)
    work = out / "vlmevalkit" / "adamms"
    with next(work.glob("*_acc.csv")).open() as lines:
        assert float(next(csv.DictReader(lines))["Overall"]) == pytest.approx(right / COUNT)
    # Its other two formats, written by itself; it scores multiple choice from the tables only.
    convert = (
        "import sys; from vlmeval.smp import dump, load; data = load(sys.argv[1]); "
        "[dump(data, file) for file in sys.argv[2:]]"
    )
    others = []
    for kind in ("json", "xlsx"):
        others.append(tmp_path / f"alpha=0.10-{kind}" / "adamms" / f"adamms_SmallChoice.{kind}")
        others[-1].parent.mkdir(parents=True)
    command = [vlmevalkit_python, "-c", convert, work / "adamms_SmallChoice.tsv", *others]
    subprocess.run([str(part) for part in command], check=True, capture_output=True, env=variables)
    assert read_responses(others[0])[0.1] == answers
    if find_spec("openpyxl"):
        assert read_responses(others[1])[0.1] == answers


def test_what_vlmevalkit_does_not_have_is_said(
    vlmevalkit_python: Path, offline: dict[str, str], tmp_path: Path
) -> None:
    done = adamms(
        *("eval", PAIR.base, "--harness", "vlmevalkit", "--harness-python", vlmevalkit_python),
        *("--task", "NoSuchData", "--out", tmp_path / "out"),
        variables={**offline, "LMUData": str(tmp_path)},
    )

    assert done.returncode == 2
    assert "VLMEvalKit does not have NoSuchData" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()
