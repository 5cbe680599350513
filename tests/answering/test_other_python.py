"""A program of ours under another Python: calls, failures, and that nothing of it is left."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from adamms.answering.other_python import OtherPython
from adamms.errors import MergeError, SearchError

SERVER = """
import os, subprocess, sys, time
from adamms.answering.other_python import serve
from adamms.errors import MergeError

class Calls:
    def add(self, one, two):
        print("heard")
        return one + two

    def count(self, to):
        yield from range(to)
        return "counted"

    def refuse(self):
        raise MergeError("The weights are stone.")

    def fail(self):
        raise KeyError("nothing")

    def cause(self):
        try:
            raise ValueError("the tower is crooked")
        finally:
            raise RuntimeError("see above")

    def die(self):
        os._exit(7)

    def path(self):
        import adamms
        from adamms.merging import find_method
        return adamms.__file__, find_method("ties").name, "transformers" in sys.modules

    def child(self):
        return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid

    def stubborn(self):
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True);"
        code += "time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        child.stdout.readline()
        return child.pid

    def wait(self):
        time.sleep(600)

serve(Calls())
"""


@pytest.fixture
def served(tmp_path, monkeypatch):
    (tmp_path / "served.py").write_text(SERVER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    other = OtherPython(sys.executable, "served")
    yield other
    other.close()


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for has too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def wait_until_gone(pid: int) -> bool:
    for _ in range(600):
        if gone(pid):
            return True
        time.sleep(0.05)
    return False


def test_calls_return_yield_and_raise(served):
    assert served.call("add", [1], [2]) == [1, 2]
    stream = served.stream("count", 3)
    assert list(stream) == [0, 1, 2]
    assert served.call("count", 2) == "counted"
    with pytest.raises(MergeError, match=r"^The weights are stone\.$"):
        served.call("refuse")
    assert served.call("add", 1, 1) == 2


def test_this_very_package_is_on_its_path_with_its_entry_points(served):
    import adamms

    path, method, others = served.call("path")
    assert Path(path).resolve() == Path(adamms.__file__).resolve()
    assert Path(path) != Path(adamms.__file__)
    assert (method, others) == ("ties", False)


def test_a_failure_names_its_first_cause_and_keeps_its_log(served):
    with pytest.raises(
        SearchError, match=r"failed: ValueError: the tower is crooked\. Its log is "
    ) as raised:
        served.call("cause")
    served.close()
    log = Path(str(raised.value).rpartition("Its log is ")[2].rstrip("."))
    assert "the tower is crooked" in log.read_text()


def test_one_that_dies_is_told_of(served):
    with pytest.raises(SearchError, match="it ended with exit code 7"):
        served.call("die")
    with pytest.raises(SearchError, match="it ended with exit code 7"):
        served.call("add", 1, 1)


def test_closing_ends_what_it_started_and_leaves_no_file(served):
    assert served.call("add", 1, 1) == 2
    folder, pid = served._folder, served.call("child")
    assert not gone(pid)
    served.close()
    assert gone(served._process.pid)
    assert wait_until_gone(pid)
    assert not folder.exists()
    served.close()


def test_it_ends_with_who_started_it(tmp_path, monkeypatch):
    (tmp_path / "served.py").write_text(SERVER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = (
        "import sys; from adamms.answering.other_python import OtherPython\n"
        "other = OtherPython(sys.executable, 'served')\n"
        "print(other._process.pid, other.call('child'), other.call('stubborn'), flush=True)\n"
        "other.call('wait')"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pids = [int(pid) for pid in starter.stdout.readline().split()]
    assert len(pids) == 3
    os.kill(starter.pid, signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    assert [wait_until_gone(pid) for pid in pids] == [True, True, True]


def test_a_python_that_is_not_there():
    with pytest.raises(SearchError, match=r"The Python /no/python cannot be started: No such file"):
        OtherPython("/no/python", "served")
