"""`adamms ui` as a process: to whom it opens what, and a port that is taken."""

import importlib.util
import json
import os
import socket
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="Gradio is not installed (adamms[ui])"
)
HOSTS = {
    "127.0.0.1": False,
    "localhost": False,
    "::1": False,
    "0.0.0.0": True,
    "192.168.1.5": True,
    "my-machine": True,
}
OPENED = """
import json, os, sys
import adamms.ui.app as app
from adamms.cli.ui import ui
seen = {}
app.build = lambda desk: desk
app.launch = lambda desk, *, host, **_: seen.update(
    {host: [desk.names.public, os.environ.pop("HF_HUB_DISABLE_IMPLICIT_TOKEN", None)]}
)
for host in sys.argv[1:]:
    ui(host=host, browser=False)
print(json.dumps(seen))
"""


def test_what_others_reach_is_public_and_reads_with_nobody_s_token() -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    command = [sys.executable, "-c", OPENED, *HOSTS]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        host: [public, "1" if public else None] for host, public in HOSTS.items()
    }


def test_a_taken_port_is_said_in_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "adamms", "ui", "--no-browser", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("adamms: The page cannot be served at 127.0.0.1:")
    assert str(port) in line
