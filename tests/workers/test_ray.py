"""Searches over two nodes of a Ray cluster on this machine. `make test-ray`: a minute and a gigabyte."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adamms.zoo import shipped_pair

pytest.importorskip("ray", reason="Ray is not installed: pip install 'adamms[ray]'")
if not os.environ.get("ADAMMS_TEST_RAY"):
    pytest.skip("starts a Ray cluster: make test-ray", allow_module_level=True)

PAIR = shipped_pair()
MARK = "ADAMMS_TEST_MARK"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
RAY = [sys.executable, "-c", "import sys; from ray.scripts.scripts import main; sys.exit(main())"]
PORT = "6417"


def marked(mark: str) -> dict[int, str]:
    """The command lines of processes that run with this mark in their environment."""
    lines = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                lines[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return lines


@dataclass(frozen=True)
class Cluster:
    mark: str
    homes: tuple[Path, Path]

    def actors(self) -> list[int]:
        return [pid for pid, line in marked(self.mark).items() if line.startswith("ray::Actor")]

    def search(self, out: Path, *options: str, donor: str = str(PAIR.donor)) -> "subprocess.Popen[str]":
        asked = ["--inputs", str(PAIR.inputs), "--samples", "40", "--out", str(out)]
        workers = ["--workers", "4", "--executor", "ray", "--ray-address", f"127.0.0.1:{PORT}"]
        return subprocess.Popen(
            [sys.executable, "-m", "adamms", "search", str(PAIR.base), donor, *asked, *workers, *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment(self.homes[0])},
        )


def environment(home: Path) -> dict[str, str]:
    return {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0"}


def cached(home: Path) -> Path:
    """The shipped donor as `zoo/donor` in a node's own hub cache."""
    folder = home / "hub" / "models--zoo--donor"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(PAIR.donor, folder / "snapshots" / COMMIT))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    root = tmp_path_factory.mktemp("ray")
    made = Cluster(uuid.uuid4().hex, (root / "head", root / "node"))
    shared = ["--num-cpus", "2", "--object-store-memory", "100000000"]
    where = (["--head", "--port", PORT, "--include-dashboard=false"], ["--address", f"127.0.0.1:{PORT}"])
    for home, words in zip(made.homes, where, strict=True):
        cached(home)
        variables = {**os.environ, **environment(home), MARK: made.mark}
        started = subprocess.run(
            [*RAY, "start", *words, *shared], env=variables, capture_output=True, text=True, check=False
        )
        assert started.returncode == 0, started.stdout + started.stderr
    yield made
    while left := marked(made.mark):
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "run"
    command = [sys.executable, "-m", "adamms", "search", str(PAIR.base), str(PAIR.donor), "--out", str(out)]
    subprocess.run(
        [*command, "--inputs", str(PAIR.inputs), "--samples", "40", "--exhaustive"],
        check=True,
        capture_output=True,
    )
    return out


def test_two_nodes_choose_what_one_process_chooses_though_a_worker_is_killed(
    cluster: Cluster, alone: Path, tmp_path: Path
) -> None:
    process = cluster.search(tmp_path / "run", "--exhaustive")
    partial = tmp_path / ".run.adamms-partial" / "responses"
    while process.poll() is None and not list(partial.glob("*.jsonl")):
        time.sleep(0.02)
    time.sleep(random.uniform(0, 1))
    if actors := cluster.actors():
        os.kill(random.choice(actors), signal.SIGKILL)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "4 workers on a Ray cluster of 2 nodes" in errors
    assert (tmp_path / "run" / "selection.json").read_bytes() == (alone / "selection.json").read_bytes()
    for file in (alone / "responses").iterdir():
        assert (tmp_path / "run" / "responses" / file.name).read_bytes() == file.read_bytes()


def test_a_node_with_another_copy_of_the_donor_is_named(cluster: Cluster, tmp_path: Path) -> None:
    process = cluster.search(tmp_path / "same", donor="zoo/donor")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    weights = cluster.homes[1] / "hub" / "models--zoo--donor" / "snapshots" / COMMIT / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1000] ^= 1
    weights.write_bytes(data)
    process = cluster.search(tmp_path / "other", donor="zoo/donor")
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 2
    said = " ".join(errors.split())
    assert "zoo/donor is another copy" in said and "model.safetensors" in said
    assert "Traceback" not in errors
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_actor_is_left_when_the_search_ends(cluster: Cluster, how: signal.Signals, tmp_path: Path) -> None:
    process = cluster.search(tmp_path / "run", "--exhaustive")
    while process.poll() is None and not cluster.actors():
        time.sleep(0.1)
    process.send_signal(how)
    process.communicate(timeout=60)
    assert process.returncode in (130, -how)
    deadline = time.monotonic() + 60
    while cluster.actors() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not cluster.actors()
