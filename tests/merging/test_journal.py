"""A merge that was killed goes on where it stood and ends as an unbroken one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import adamms
from adamms.checkpoints import Checkpoint, CheckpointWriter
from adamms.merging.journal import Journal
from adamms.progress import Silent
from small_pairs import write_llava_onevision, write_qwen2_vl

PARTIAL = ".out.adamms-partial"
# A merge that dies after so many errands of one block each; the journal is written after each.
KILLED = """
import os, sys
import adamms, adamms.merging.journal as journal, adamms.merging.stream as stream
journal.DURABLE_EVERY = 0
journal.Journal.__init__.__kwdefaults__["durable_every"] = 0
stream.BLOCKS_PER_TASK = 1
add, left = journal.Journal.add, [int(sys.argv[4])]
def dying(self, errand, nbytes):
    if not left[0]:
        os.kill(os.getpid(), 9)
    left[0] -= 1
    add(self, errand, nbytes)
journal.Journal.add = dying
resume = len(sys.argv) > 5
adamms.merge(*sys.argv[1:4], alpha=0.3, threads=1, resume=resume)
"""


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    return write_qwen2_vl(tmp_path / "base"), write_llava_onevision(tmp_path / "donor")


def killed(pair: tuple[Path, Path], out: Path, after: int, *options: str) -> int:
    command = [sys.executable, "-c", KILLED, *map(str, pair), str(out), str(after), *options]
    return subprocess.run(command, capture_output=True, check=False, env=os.environ).returncode


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def errands(tmp_path: Path) -> list[str]:
    return (tmp_path / PARTIAL / "merge-journal.jsonl").read_text().splitlines()[1:]


def test_a_killed_merge_resumes_and_ends_bit_identical(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = files(adamms.merge(*pair, tmp_path / "unbroken", alpha=0.3).path)
    assert killed(pair, tmp_path / "out", 7) == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    assert len(errands(tmp_path)) == 7
    # Torn in the middle of a number.
    journal = tmp_path / PARTIAL / "merge-journal.jsonl"
    journal.write_text(journal.read_text() + "1")
    assert killed(pair, tmp_path / "out", 5, "resume") == -signal.SIGKILL
    assert len(errands(tmp_path)) == 12
    monkeypatch.setattr("adamms.merging.stream.BLOCKS_PER_TASK", 1)
    read: list[str] = []
    monkeypatch.setattr("adamms.merging.stream._Worker.run", _noted(read))
    adamms.merge(*pair, tmp_path / "out", alpha=0.3, resume=True)
    assert files(tmp_path / "out") == expected
    assert len(read) == 30 - 12


def test_a_killed_merge_is_begun_anew_and_says_so(pair: tuple[Path, Path], tmp_path: Path) -> None:
    expected = files(adamms.merge(*pair, tmp_path / "unbroken", alpha=0.3).path)
    killed(pair, tmp_path / "out", 7)
    said: list[str] = []
    progress = Silent()
    progress.say = said.append  # type: ignore[method-assign]
    adamms.merge(*pair, tmp_path / "out", alpha=0.3, progress=progress)
    assert any("--resume" in message for message in said)
    assert files(tmp_path / "out") == expected


def _noted(read: list[str]) -> Any:
    from adamms.merging.stream import _Worker

    run = _Worker.run

    def noting(self: Any, blocks: Any) -> int:
        read.extend(block.name for block in blocks)
        return run(self, blocks)

    return noting


def test_another_merge_does_not_take_up_the_first_ones_values(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    expected = files(adamms.merge(*pair, tmp_path / "unbroken", alpha=0.4).path)
    killed(pair, tmp_path / "out", 7)
    adamms.merge(*pair, tmp_path / "out", alpha=0.4, resume=True)
    assert files(tmp_path / "out") == expected


def test_a_source_that_changed_is_read_again(pair: tuple[Path, Path], tmp_path: Path) -> None:
    killed(pair, tmp_path / "out", 20)
    donor = write_llava_onevision(tmp_path / "other", seed=9)
    (donor / "model.safetensors").replace(pair[1] / "model.safetensors")
    merged = adamms.merge(*pair, tmp_path / "out", alpha=0.3, resume=True)
    fresh = adamms.merge(*pair, tmp_path / "fresh", alpha=0.3)
    assert files(merged.path) == files(fresh.path)
    assert json.loads((merged.path / "adamms.json").read_text())["alpha"] == 0.3


@pytest.fixture
def resumed(pair: tuple[Path, Path], tmp_path: Path) -> Any:
    """A writer that goes on with what a killed merge left."""
    killed(pair, tmp_path / "out", 7)
    with Checkpoint.open(pair[0]) as base:
        yield CheckpointWriter(tmp_path / PARTIAL, base, resume=True)


def test_a_number_torn_in_two_is_not_believed(resumed: CheckpointWriter, tmp_path: Path) -> None:
    about = {"merge": "this"}
    Journal(tmp_path, resumed, about=about)
    path = tmp_path / "merge-journal.jsonl"
    first = path.read_text()
    # 123 was being written: 12 was never done.
    path.write_text(first + "3\n4\n12")
    assert Journal(tmp_path, resumed, about=about).done == {3, 4}
    path.write_text(first + "3\n4\n12\n")
    assert Journal(tmp_path, resumed, about=about).done == {3, 4, 12}


def test_values_are_durable_before_the_journal_speaks_of_them(
    resumed: CheckpointWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, resumed, about={}, durable_every=10)
    path = tmp_path / "merge-journal.jsonl"
    events: list[tuple[str, list[str]]] = []
    durable = os.fdatasync

    def noted(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        events.append((name, path.read_text().splitlines()[1:]))
        durable(descriptor)

    monkeypatch.setattr(os, "fdatasync", noted)
    journal.add(5, 6)
    assert events == []
    journal.add(2, 6)
    shards = [(f"model-0000{number}-of-00002.safetensors", []) for number in (1, 2)]
    expected = [*shards, ("merge-journal.jsonl", ["5", "2"])]
    assert events == expected
    assert path.read_text().splitlines()[1:] == ["5", "2"]
    journal.flush()
    assert events == expected  # nothing is waiting
