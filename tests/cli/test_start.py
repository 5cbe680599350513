"""The first moments of the program: an interrupt ends it quietly, whatever it falls into."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from small_pairs import write_qwen2_vl


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_start_dies_quietly_at_any_moment(signum: int, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "adamms", "inspect", str(write_qwen2_vl(tmp_path / "model"))]
    started = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    whole = time.monotonic() - started
    # Not before Python itself has begun: what it says then is not ours.
    began = tmp_path / "began"
    code = f"open({str(began)!r}, 'w').close(); import runpy; runpy.run_module('adamms', run_name='__main__')"
    interrupted = 0
    for step in range(16):
        began.unlink(missing_ok=True)
        process = subprocess.Popen(
            [sys.executable, "-c", QUIET + code, *command[3:]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while not began.exists() and process.poll() is None:
            time.sleep(0.001)
        time.sleep(whole * step / 14)
        process.send_signal(signum)
        _, said = process.communicate(timeout=60)
        assert (process.returncode, said) in ((130, b"adamms: Interrupted.\n"), (0, b"")), said.decode()
        interrupted += process.returncode == 130
    assert interrupted


QUIET = """
import os, signal
# As it is from the program's own first line on.
def leave(*_):
    os.write(2, b"adamms: Interrupted.\\n")
    os._exit(130)
signal.signal(signal.SIGINT, leave); signal.signal(signal.SIGTERM, leave)
"""


def test_what_the_parent_ignores_stays_ignored() -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "sys.argv = ['adamms', '--version']; from adamms.__main__ import main\n"
        "try: main()\n"
        "finally: print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "True"
    assert os.name == "posix"


def test_an_interrupt_that_falls_into_a_destructor_is_not_lost() -> None:
    code = """
import sys, time
from adamms.cli import interrupted_again
sys.unraisablehook = interrupted_again
class Falls:
    def __del__(self): raise KeyboardInterrupt
try:
    Falls()
    time.sleep(30)
except KeyboardInterrupt:
    print("heard")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("heard\n", "")
