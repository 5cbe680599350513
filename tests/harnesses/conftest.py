"""The harnesses' environments, where they are built; tests that need one are skipped where it is not."""

import os
import subprocess
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / ".bench"
MAKE_TASK = Path(__file__).parent / "make_task.py"
NUMBER = 24
"""Questions of the local task."""


def environment(name: str) -> Path:
    python = BENCH / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{name}'s environment is not there; `make test-{name}` builds it")
    return python


@pytest.fixture(scope="session")
def lmms_eval_python() -> Path:
    return environment("lmms-eval")


@pytest.fixture(scope="session")
def vlmevalkit_python() -> Path:
    return environment("vlmevalkit")


@pytest.fixture(scope="session")
def offline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment's variables for a harness that must not look for the network."""
    home = tmp_path_factory.mktemp("hub")
    return {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(home)}


@pytest.fixture(scope="session")
def tasks(lmms_eval_python: Path, offline: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a task of lmms-eval, `small_vqa`, of the shipped inputs in a parquet file."""
    from adamms.zoo import shipped_pair

    pair, folder = shipped_pair(), tmp_path_factory.mktemp("tasks")
    command = [lmms_eval_python, MAKE_TASK, pair.inputs, pair.answers, folder, NUMBER]
    subprocess.run([str(part) for part in command], check=True, env=offline, capture_output=True)
    return folder
