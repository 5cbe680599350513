"""Programs that we start, and what they start, end with us, however we end."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from adamms.answering.guarded_process import GuardedProcess

# A program with a child in its group and one that hid in a session of its own.
FAMILY = """
import os, subprocess, sys, time
sleep = [sys.executable, "-c", "import time; time.sleep(100)"]
children = [subprocess.Popen(sleep), subprocess.Popen(sleep, start_new_session=True)]
orphan = subprocess.run(
    [sys.executable, "-c", "import subprocess, sys; print(subprocess.Popen(sys.argv[1:], "
     "start_new_session=True, stdin=-3, stdout=-3, stderr=-3).pid)", *sleep],
    capture_output=True, text=True).stdout.strip()
with open(sys.argv[1] + ".new", "w") as file:
    file.write(" ".join(map(str, [os.getpid(), orphan, *(child.pid for child in children)])))
os.rename(sys.argv[1] + ".new", sys.argv[1])
END
"""
FOR_EVER = FAMILY.replace("END", "time.sleep(100)")
HOLDER = """
import sys
from adamms.answering.guarded_process import GuardedProcess
with GuardedProcess([sys.executable, "-c", sys.argv[1], sys.argv[2]], stdout=-3, stderr=-3) as process:
    process.process.wait()
"""


def started(pids: Path, process: "subprocess.Popen[bytes]") -> list[int]:
    while not pids.exists():
        assert process.poll() is None
        time.sleep(0.01)
    return [int(pid) for pid in pids.read_text().split()]


def all_end(pids: list[int]) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not any(runs(pid) for pid in pids):
            return True
        time.sleep(0.02)
    return False


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_the_asker_ends_nothing_is_left(signum: int, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, FOR_EVER, str(pids)], stderr=subprocess.DEVNULL)
    family = started(pids, holder)
    assert len(family) == 4
    assert all(runs(pid) for pid in family)
    holder.send_signal(signum)
    holder.wait(30)
    assert all_end(family)


def test_what_a_program_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    words = [sys.executable, "-c", FAMILY.replace("END", "sys.exit(7)"), str(pids)]
    with GuardedProcess(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        family = started(pids, process.process) if process.poll() is None else [1]
        assert process.process.wait(30) == 7
    assert all_end([pid for pid in family if pid != 1])


def _deaf(path: Path) -> list[str]:
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"open({str(path)!r}, 'w').close(); time.sleep(100)"
    )
    return [sys.executable, "-c", code]


def test_one_that_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    impatient = tmp_path / "guardian.py"
    source = Path(GuardedProcess.__init__.__code__.co_filename).with_name("guardian.py").read_text()
    impatient.write_text(source.replace("PATIENCE = 10.0", "PATIENCE = 0.3"))
    monkeypatch.setattr("adamms.answering.guarded_process.GUARDIAN", impatient)
    ready = tmp_path / "ready"
    with GuardedProcess(_deaf(ready), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not ready.exists():
            time.sleep(0.01)
        assert process.end() == 128 + signal.SIGKILL


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["sh", "-c", "exit 3"], 3),
        (["sh", "-c", "kill -9 $$"], 137),
        (["true"], 0),
    ],
    ids=lambda value: str(value),
)
def test_its_exit_code_is_the_programs(words: list[str], code: int) -> None:
    process = GuardedProcess(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.output() == b""
    assert process.process.wait(30) == code
    assert process.end() == code


def test_a_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no program")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for words, kind in (
        ([str(tmp_path / "none")], FileNotFoundError),
        ([str(tmp_path / "text")], PermissionError),
    ):
        with pytest.raises(kind):
            GuardedProcess(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
