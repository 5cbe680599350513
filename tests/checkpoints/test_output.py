"""An output appears whole or not at all: refusals, replacing, resuming, and real processes really killed."""

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adamms.checkpoints import OutputFolder
from adamms.errors import MachineError, OutputError

MARKER = "adamms.json"


def make(path: Path, text: str = "1", *, overwrite: bool = False) -> None:
    with OutputFolder.open(path, overwrite=overwrite) as output:
        (output.path / "weights").write_text(text)
        (output.path / MARKER).write_text("{}")
        output.commit()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_there_before_commit_and_all_of_it_after(tmp_path: Path) -> None:
    target = tmp_path / "new" / "parents" / "out"
    with OutputFolder.open(target) as output:
        assert output.target == target
        assert output.path.parent == target.parent
        (output.path / "sub").mkdir()
        (output.path / "sub" / "x").write_text("x")
        assert not target.exists()
        output.commit()
    assert names(target) == ["sub"]
    assert names(target.parent) == ["out"], "nothing hidden stays beside it"


def test_leaving_without_commit_leaves_nothing(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path / "out") as output:
        (output.path / "x").write_text("x")
    with pytest.raises(ZeroDivisionError), OutputFolder.open(tmp_path / "out"):
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    make(tmp_path / "out")
    assert names(tmp_path / "out") == [MARKER, "weights"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_users_own_files_are_never_touched(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(OutputError, match=r"not an output of ours .*adamms.json"):
        OutputFolder.open(tmp_path / "out", overwrite=overwrite)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="is not a folder"):
        OutputFolder.open(tmp_path / "file", overwrite=overwrite)
    (tmp_path / "link").symlink_to("out")
    with pytest.raises(OutputError, match="is not a folder"):
        OutputFolder.open(tmp_path / "link", overwrite=overwrite)
    with pytest.raises(OutputError, match="cannot be written"):
        OutputFolder.open(tmp_path / "file" / "out", overwrite=overwrite)
    with pytest.raises(OutputError, match="cannot be an output folder"):
        OutputFolder.open("/", overwrite=overwrite)
    assert names(tmp_path) == ["file", "link", "out"]
    assert names(tmp_path / "out") == ["thesis.tex"]


def test_an_earlier_output_is_replaced_only_when_asked_and_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "out"
    make(target, "old")
    with pytest.raises(OutputError, match="--overwrite"):
        OutputFolder.open(target)
    with pytest.raises(ZeroDivisionError), OutputFolder.open(target, overwrite=True) as output:
        (output.path / "weights").write_text("half")
        raise ZeroDivisionError
    assert (target / "weights").read_text() == "old"
    make(target, "new", overwrite=True)
    assert (target / "weights").read_text() == "new"
    assert names(tmp_path) == ["out"]


def test_another_marker_makes_another_kind_of_output(tmp_path: Path) -> None:
    make(tmp_path / "out")
    with pytest.raises(OutputError, match=r"no selection.json in it"):
        OutputFolder.open(tmp_path / "out", overwrite=True, marker="selection.json")


def test_an_interrupted_run_can_be_resumed_and_is_not_lost_by_accident(tmp_path: Path) -> None:
    target = tmp_path / "run"
    with (
        pytest.raises(KeyboardInterrupt),
        OutputFolder.open(target, keep_on_failure=True) as output,
    ):
        assert not output.resumed
        (output.path / "answers").write_text("17")
        raise KeyboardInterrupt
    assert not target.exists()
    with pytest.raises(OutputError, match=r"--resume, or start anew with --overwrite"):
        OutputFolder.open(target, keep_on_failure=True)
    with OutputFolder.open(target, keep_on_failure=True, resume=True) as output:
        assert output.resumed
        assert (output.path / "answers").read_text() == "17"
    with OutputFolder.open(target, keep_on_failure=True, overwrite=True) as output:
        assert not output.resumed
        assert names(output.path) == []
        output.commit()
    assert names(tmp_path) == ["run"]


def test_resuming_what_was_never_begun_begins_it(tmp_path: Path) -> None:
    with OutputFolder.open(tmp_path / "run", keep_on_failure=True, resume=True) as output:
        assert not output.resumed
        output.commit()


def test_a_stale_work_folder_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".out.adamms-partial").mkdir()
    (tmp_path / ".out.adamms-partial" / "stale").write_text("x")
    make(tmp_path / "out")
    assert names(tmp_path / "out") == [MARKER, "weights"]
    assert names(tmp_path) == ["out"]


def test_a_link_in_the_work_folders_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "weights").write_text("x")
    (tmp_path / ".out.adamms-partial").symlink_to(tmp_path / "theirs")
    for resume in (False, True):
        with pytest.raises(OutputError, match="is a link and no work folder of ours"):
            OutputFolder.open(tmp_path / "out", resume=resume)
    assert (tmp_path / "theirs" / "weights").read_text() == "x"


def test_a_place_taken_meanwhile_is_respected_and_the_work_kept(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match=r"taken by somebody else .* lies in .*partial"),
        OutputFolder.open(tmp_path / "out") as output,
    ):
        (output.path / "weights").write_text("new")
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "mine").write_text("mine")
        output.commit()
    assert names(tmp_path / "out") == ["mine"]
    assert (output.path / "weights").read_text() == "new"


@pytest.mark.parametrize("replaced", [False, True])
def test_an_output_caught_between_two_renames_is_brought_back(tmp_path: Path, replaced: bool) -> None:
    make(tmp_path / "out", "old")
    (tmp_path / "out").rename(tmp_path / ".out.adamms-replaced")
    if replaced:
        make(tmp_path / "other", "new")
        (tmp_path / "other").rename(tmp_path / "out")
    with pytest.raises(OutputError, match="already holds an output"):
        OutputFolder.open(tmp_path / "out")
    assert (tmp_path / "out" / "weights").read_text() == ("new" if replaced else "old")
    assert names(tmp_path) == ["out"]


def test_a_full_disk_is_the_machines_fault(tmp_path: Path) -> None:
    with (
        pytest.raises(MachineError, match=r"No space left on device .*B are free") as caught,
        OutputFolder.open(tmp_path / "out"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.exit_code == 1
    assert names(tmp_path) == []


# Real processes

HOLD = """
import sys, time
from adamms.checkpoints import OutputFolder
with OutputFolder.open(sys.argv[1], keep_on_failure=len(sys.argv) > 2) as output:
    (output.path / "weights").write_text("half")
    print("holding", flush=True)
    time.sleep(60)
"""

REPLACE = """
import itertools, sys
from adamms.checkpoints import OutputFolder
for number in itertools.count(2):
    with OutputFolder.open(sys.argv[1], overwrite=True) as output:
        for name in ("a", "b", "adamms.json", "c"):
            (output.path / name).write_text(str(number))
        output.commit()
    print(number, flush=True)
"""


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    process.communicate(timeout=30)


def test_a_second_process_is_turned_away_while_the_first_lives(tmp_path: Path) -> None:
    process = start(HOLD, tmp_path / "out")
    try:
        with pytest.raises(OutputError, match="Another process is writing"):
            OutputFolder.open(tmp_path / "out", overwrite=True, resume=True)
        assert (tmp_path / ".out.adamms-partial" / "weights").read_text() == "half"
    finally:
        end(process, signal.SIGKILL)
    assert not (tmp_path / "out").exists()
    make(tmp_path / "out")
    assert names(tmp_path) == ["out"]


def test_ctrl_c_cleans_up(tmp_path: Path) -> None:
    end(start(HOLD, tmp_path / "out"), signal.SIGINT)
    assert names(tmp_path) == []


def test_a_killed_run_is_there_for_resuming(tmp_path: Path) -> None:
    end(start(HOLD, tmp_path / "out", "keep"), signal.SIGKILL)
    with OutputFolder.open(tmp_path / "out", resume=True, keep_on_failure=True) as output:
        assert (output.path / "weights").read_text() == "half"


def test_kills_at_random_moments_never_leave_half_an_output_nor_lose_the_last(tmp_path: Path) -> None:
    """Output after output replaces the one before, until a kill; then whatever is there is whole."""
    target = tmp_path / "out"
    draw = random.Random(0)
    for _ in range(12):
        with OutputFolder.open(target, overwrite=True) as output:
            for name in ("a", "b", "c", MARKER):
                (output.path / name).write_text("1")
            output.commit()
        process = start(REPLACE, target)
        time.sleep(draw.random() * 0.05)
        process.kill()
        printed, _ = process.communicate(timeout=30)
        last = max([int(number) for number in printed.split()], default=1)
        if target.exists():
            assert names(target) == ["a", MARKER, "b", "c"]
        # Opening the place again first sets right what the kill interrupted.
        with OutputFolder.open(target, overwrite=True):
            pass
        texts = [(target / name).read_text() for name in names(target)]
        assert len(texts) == 4
        assert len(dict.fromkeys(texts)) == 1
        assert int(texts[0]) >= last
        assert names(tmp_path) == ["out"]


def test_what_is_made_for_nothing_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b" / "out"
    with pytest.raises(ValueError, match="x"), OutputFolder.open(out):
        raise ValueError("x")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="x"), OutputFolder.open(out, keep_on_failure=True):
        raise ValueError("x")
    assert (tmp_path / "a" / "b" / ".out.adamms-partial").is_dir()
