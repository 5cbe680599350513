"""The same merge where a system lacks calls: macOS reserves no space, Windows has neither fcntl nor pread."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import adamms
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
LACKING = {
    "macOS": ["posix_fallocate", "sched_getaffinity"],
    "Windows": [
        *("posix_fallocate", "sched_getaffinity", "preadv", "pread", "pwrite", "pwritev"),
        *(
            "O_CLOEXEC",
            "O_NONBLOCK",
            "O_NOCTTY",
            "killpg",
            "getpgid",
            "setsid",
            "mkfifo",
            "getuid",
            "geteuid",
        ),
    ],
}
MODULES = {"macOS": [], "Windows": ["fcntl", "resource", "termios", "pwd", "grp"]}
PROGRAM = """
import json, os, sys
for name in json.loads(sys.argv.pop(1)):
    sys.modules[name] = None
# What the standard library needs of them is imported before they are gone.
import contextlib, multiprocessing, shutil, subprocess, tempfile, threading
for name in json.loads(sys.argv.pop(1)):
    if hasattr(os, name):
        delattr(os, name)
from adamms.cli import main
main()
"""


def run(system: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    taken = [json.dumps(MODULES[system]), json.dumps(LACKING[system])]
    command = [sys.executable, "-c", PROGRAM, *taken, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("system", list(LACKING))
def test_a_merge_is_the_same_without_the_calls_that_a_system_lacks(system: str, tmp_path: Path) -> None:
    expected = adamms.merge(PAIR.base, PAIR.donor, tmp_path / "here", alpha=0.3).path

    mapped = run(system, "map", PAIR.base, PAIR.donor, "--json")
    merged = run(system, "merge", PAIR.base, PAIR.donor, "--alpha", 0.3, "--out", tmp_path / "there")

    assert mapped.returncode == merged.returncode == 0, mapped.stderr + merged.stderr
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == names
    for name in names:
        assert (tmp_path / "there" / name).read_bytes() == (expected / name).read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    again = run(system, "merge", PAIR.base, PAIR.donor, "--alpha", 0.3, "--out", tmp_path / "there")
    assert again.returncode == 2
    assert "already holds an output" in again.stderr


@pytest.mark.parametrize("system", list(LACKING))
def test_what_the_core_does_imports_there(system: str, tmp_path: Path) -> None:
    inputs = run(system, "inputs", PAIR.inputs, "--json")
    methods = run(system, "methods")
    responses = tmp_path / "responses"
    responses.mkdir()
    for alpha, answers in ((0.0, "ab"), (0.1, "cb"), (0.2, "cb"), (0.3, "dd")):
        lines = [json.dumps({"id": str(at), "response": answer}) for at, answer in enumerate(answers)]
        (responses / f"alpha={alpha:.2f}.jsonl").write_text("\n".join(lines) + "\n")
    selected = run(system, "select", responses, "--rule", "sum", "--json")

    assert [done.returncode for done in (inputs, methods, selected)] == [0, 0, 0], (
        inputs.stderr + methods.stderr + selected.stderr
    )
    assert json.loads(inputs.stdout)["inputs"] == 248
    assert json.loads(selected.stdout)["selected"] == 0.1
