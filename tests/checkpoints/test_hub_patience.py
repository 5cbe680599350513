"""Hubs that drip, are busy, or do not answer: a limit, and one sentence."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import adamms as adamms_package
from adamms.checkpoints.hub_patience import LEAST, within
from adamms.errors import MachineError
from adamms.zoo import shipped_pair
from hub_server import TOKEN, HubServer
from small_pairs import write_qwen2_vl

SHORTER = """
import sys
from adamms.checkpoints import hub_patience
hub_patience.ANSWER = hub_patience.STALLED = float(sys.argv.pop(1))
hub_patience.LONGEST_WAIT = 2
from adamms.checkpoints import publishing
publishing.LEAST_RATE = 10**9
from adamms.cli import main
main()
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {"me/model": write_qwen2_vl(tmp_path_factory.mktemp("hub") / "model")}


def adamms(
    hub: HubServer, home: Path, *arguments: object, seconds: float, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SHORTER, str(seconds), *map(str, arguments)],
        env=hub.environment(home, HF_HUB_DISABLE_PROGRESS_BARS="1", **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("path", ["/api/models", "config.json", ".safetensors"])
def test_a_hub_that_drips_is_left(models: dict[str, Path], tmp_path: Path, path: str) -> None:
    with HubServer(models, drip=path) as hub:
        done = adamms(hub, tmp_path, "inspect", "me/model", seconds=1)
    assert done.returncode == 1, done.stderr
    assert f"adamms: {hub.url} did not " in done.stderr
    assert done.stderr.endswith(" for 1 s; try again later.\n")


def test_a_download_that_hardly_moves_is_left_though_its_threads_wait(
    models: dict[str, Path], tmp_path: Path
) -> None:
    with HubServer(models) as hub:
        threading.Thread(target=_drip_after_the_headers, args=(hub,), daemon=True).start()
        arguments = ("merge", "me/model", "me/model", "--alpha", "0.5", "--out", tmp_path / "out")
        done = adamms(hub, tmp_path, *arguments, seconds=2)
    assert done.returncode == 1, done.stderr
    assert "sent hardly anything of me/model for 2 s; try again later." in done.stderr
    assert not (tmp_path / "out").exists()


def _drip_after_the_headers(hub: HubServer) -> None:
    """Their addresses are those of the data, which is asked for once the list of files is known."""
    while not any("/tree/" in request.path for request in hub.log):
        time.sleep(0.001)
    hub.drip = "/cdn/"


@pytest.mark.parametrize(
    ("silent", "said"), [("repos/create", "did not make a place for"), ("/commit/", "did not take")]
)
def test_a_push_that_is_not_answered_is_left(tmp_path: Path, silent: str, said: str) -> None:
    pair = shipped_pair()
    merged = adamms_package.merge(pair.base, pair.donor, tmp_path / "merged", alpha=0.3).path
    with HubServer({}, silent=silent) as hub:
        done = adamms(hub, tmp_path / "home", "push", merged, "me/merged", seconds=6, HF_TOKEN=TOKEN)
    assert done.returncode == 1, done.stderr
    assert f"adamms: {hub.url} {said} me/merged for " in done.stderr
    assert not hub.uploaded


def test_a_busy_hub_is_asked_again_after_the_time_it_asks_for(
    models: dict[str, Path], tmp_path: Path
) -> None:
    with HubServer(models, busy=["1", "0"]) as hub:
        started = time.monotonic()
        done = adamms(hub, tmp_path, "inspect", "me/model", seconds=30)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started >= 1
    asked = [request.status for request in hub.log if request.path == "/api/models/me/model"]
    assert asked == [503, 503, 200]


def test_a_hub_that_asks_for_days_is_not_waited_for(models: dict[str, Path], tmp_path: Path) -> None:
    with HubServer(models, busy=["1000000"]) as hub:
        done = adamms(hub, tmp_path, "inspect", "me/model", seconds=30)
    assert done.returncode == 2
    assert "answered 503 when asked for me/model; try again later." in done.stderr


def test_the_time_of_a_transfer_begins_anew_while_it_moves() -> None:
    moved = [0]

    def slow() -> str:
        for _ in range(8):
            time.sleep(0.1)
            moved[0] += LEAST
        return "done"

    assert within(slow, what="it", seconds=0.5, progress=lambda: moved[0]) == "done"
    with pytest.raises(MachineError, match=r"it for 0 s; try again later\."):
        within(lambda: time.sleep(5), what="it", seconds=0.3, progress=lambda: moved[0])


def test_what_is_raised_beside_is_raised_here() -> None:
    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        within(fails, what="it")
