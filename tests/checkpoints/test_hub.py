"""Hub ids against a small real hub on localhost: headers by ranges, downloads of what is needed, errors.

Each case runs in a process of its own, because huggingface_hub reads its settings when it is imported.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from checkpoint_files import write_shards
from hub_server import TOKEN, HubServer

OPEN = """
import json, sys
from adamms.checkpoints import Checkpoint
from adamms.errors import AdaMMSError

def report(source, download):
    try:
        with Checkpoint.open(source, download=download) as checkpoint:
            return describe(checkpoint, download)
    except AdaMMSError as error:
        return {"error": str(error), "kind": type(error).__name__}

def describe(checkpoint, download):
    described = {
        "source": checkpoint.source,
        "revision": checkpoint.revision,
        "folder": checkpoint.folder and str(checkpoint.folder),
        "config": checkpoint.config,
        "format": checkpoint.format,
        "tensors": {name: [info.shape, info.dtype] for name, info in checkpoint.tensors.items()},
        "auxiliary_files": checkpoint.auxiliary_files(),
        "vocabulary": checkpoint.vocabulary(),
        "fingerprint": checkpoint.fingerprint(),
    }
    try:
        checkpoint.require_data()
    except AdaMMSError as error:
        described["refused"] = str(error)
    if download:
        last = memoryview(bytearray(4)).cast("f")
        described["last"] = {}
        for name, info in checkpoint.tensors.items():
            checkpoint.read_into(name, last, start=info.nbytes - 4)
            described["last"][name] = last[0]
    described["heavy"] = [name for name in ("torch", "transformers") if name in sys.modules]
    return described

print(json.dumps([report(source, sys.argv[1] == "download") for source in sys.argv[2:]]))
"""
WEIGHTS = {f"model.layers.{at}.weight": torch.full((100, 1000), float(at)) for at in range(12)}
SIZE = sum(tensor.numel() * 4 for tensor in WEIGHTS.values())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sharded model with everything a hub repository holds beside what is needed."""
    folder = write_shards(
        tmp_path / "model",
        WEIGHTS,
        index="model.safetensors.index.json",
        name=lambda number: f"model-{number:05d}-of-00002.safetensors",
        save=save_file,
        count=2,
    )
    (folder / "vocab.json").write_text('{"a": 0}')
    (folder / "code").mkdir()
    (folder / "code" / "modeling.py").write_text("x = 1")
    (folder / "README.md").write_text("the card")
    torch.save(WEIGHTS, folder / "pytorch_model.bin")
    (folder / "original").mkdir()
    (folder / "original" / "consolidated.00.pth").write_bytes(bytes(1000))
    return folder


def ask_all(
    hub: HubServer, *sources: str, home: Path, download: bool = False, **extra: str
) -> list[dict[str, Any]]:
    """Open each source in one new process; what it found, or the error."""
    hub.log.clear()
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", OPEN, "download" if download else "headers", *sources],
        env=hub.environment(home, HF_HUB_DISABLE_PROGRESS_BARS="1", **extra),
        cwd=home.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def ask(hub: HubServer, source: str, home: Path, *, download: bool = False, **extra: str) -> dict[str, Any]:
    return ask_all(hub, source, home=home, download=download, **extra)[0]


def test_headers_are_read_without_the_weights(folder: Path, tmp_path: Path) -> None:
    with HubServer({"o/m": folder}) as hub:
        read = ask(hub, "o/m", tmp_path / "home")
        assert read["tensors"] == {name: [[100, 1000], "F32"] for name in WEIGHTS}
        assert read["source"] == "o/m"
        assert read["revision"] == hub.commit("o/m")
        assert read["fingerprint"] == f"commit:{hub.commit('o/m')}"
        assert read["folder"] is None
        assert read["config"] == {"model_type": "toy"}
        assert read["vocabulary"] == {"a": 0}
        assert read["auxiliary_files"] == ["code/modeling.py", "config.json", "vocab.json"]
        assert read["heavy"] == []
        assert "Only the headers of o/m were fetched" in read["refused"]
        assert SIZE == 4_800_000
        # One block of each of the two shards, and not a byte of any other weights.
        assert hub.bytes_sent(".safetensors") <= 2 * (1 << 17)
        assert hub.bytes_sent(".bin") == hub.bytes_sent(".pth") == hub.bytes_sent(".py") == 0
        assert all(request.range for request in hub.log if request.path.endswith(".safetensors"))


def test_a_long_header_takes_one_more_request(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    names = [f"model.layers.{at}.{'x' * 100}.weight" for at in range(2000)]
    save_file({name: torch.zeros(500) for name in names}, folder / "model.safetensors")
    with HubServer({"o/m": folder}) as hub:
        assert len(ask(hub, "o/m", tmp_path / "home")["tensors"]) == 2000
        assert hub.bytes_sent(".safetensors") < 600_000 < (folder / "model.safetensors").stat().st_size / 6


def test_bin_headers_are_read_without_the_weights(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors.index.json").unlink()
    (folder / "model-00001-of-00002.safetensors").unlink()
    (folder / "model-00002-of-00002.safetensors").unlink()
    with HubServer({"o/m": folder}) as hub:
        read = ask(hub, "o/m", tmp_path / "home")
        assert read["format"] == "bin"
        assert read["tensors"] == {name: [[100, 1000], "F32"] for name in WEIGHTS}
        assert read["heavy"] == []
        assert hub.bytes_sent(".bin") <= 2 * (1 << 17)


def test_a_download_takes_one_format_with_its_auxiliary_files_once(folder: Path, tmp_path: Path) -> None:
    with HubServer({"o/m": folder}) as hub:
        read = ask(hub, "o/m", tmp_path / "home", download=True)
        assert "refused" not in read
        assert read["last"] == {name: float(tensor[-1, -1]) for name, tensor in WEIGHTS.items()}
        assert read["revision"] == hub.commit("o/m")
        assert Path(read["folder"]).name == hub.commit("o/m")
        assert read["auxiliary_files"] == ["code/modeling.py", "config.json", "vocab.json"]
        assert hub.bytes_sent(".bin") == hub.bytes_sent(".pth") == hub.bytes_sent("README.md") == 0
        assert hub.bytes_sent(".safetensors") > SIZE
        # Again, and without the hub, out of the cache.
        ask(hub, "o/m", tmp_path / "home", download=True)
        assert hub.bytes_sent(".safetensors") == 0
        for download in (False, True):
            offline = ask(hub, "o/m", tmp_path / "home", download=download, HF_HUB_OFFLINE="1")
            assert offline["folder"] == read["folder"]
            assert offline["revision"] == read["revision"]
            assert hub.log == []
        pinned = ask(hub, f"o/m@{read['revision']}", tmp_path / "home", HF_HUB_OFFLINE="1")
        assert pinned["source"] == "o/m"
    unreachable = ask(hub, "o/m", tmp_path / "home")
    assert unreachable["folder"] == read["folder"]


def test_a_folder_of_that_name_comes_first(folder: Path, tmp_path: Path) -> None:
    with HubServer({"model/code": folder}) as hub:
        assert "There are no weights" in ask(hub, "model/code", tmp_path / "home")["error"]
        assert hub.log == []


class Evil:
    def __reduce__(self) -> object:
        return os.system, ("true",)


@pytest.fixture
def models(folder: Path, tmp_path: Path) -> dict[str, Path]:
    """The model under several names, and others that are malformed in several ways."""
    other = {name: tmp_path / name for name in ("empty", "torn", "lies", "evil")}
    for path in other.values():
        path.mkdir()
        (path / "config.json").write_text("{}")
    (other["torn"] / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model-00002-of-00002.safetensors"}})
    )
    (other["lies"] / "model.safetensors").write_bytes(b"x" * 100)
    torch.save({"a": Evil()}, other["evil"] / "pytorch_model.bin")
    models = {f"o/{name}": folder for name in ("m", "private", "gated", "broken")}
    return models | {f"o/{name}": path for name, path in other.items()}


FAILURES = {
    "o/none": "neither a folder o/none here nor a model of that name",
    "o/private": "neither a folder o/private here .* HF_TOKEN",
    "o/gated": "o/gated is gated: ask for access",
    "o/broken": "answered 400 when asked for o/broken",
    "o/m@v9": "o/m has no revision v9",
    "o/m--n/": "There is no folder o/m--n/",
    "o/m--n": "neither a folder here nor a possible hub id",
    "just-a-name": "There is no folder just-a-name; give .* owner/name",
    "./o/m": "There is no folder",
    "o/empty": "There are no weights in o/empty",
    "o/torn": "lacks model-00002-of-00002.safetensors",
    "o/lies": r"In o/lies: model\.safetensors is not a safetensors file",
    "o/evil": r"In o/evil: pytorch_model\.bin .* wants to run posix\.system",
}
CIRCUMSTANCES = [
    ({"HF_TOKEN": "hf_wrong"}, "does not accept your token"),
    ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE forbids asking"),
    ({"HF_ENDPOINT": "http://127.0.0.1:9"}, "cannot be reached"),
    ({"HF_HOME": "/dev/null/home"}, "cannot be stored in the hub's cache"),
]


@pytest.mark.parametrize("download", [False, True])
def test_every_failure_is_one_sentence(models: dict[str, Path], tmp_path: Path, download: bool) -> None:
    with HubServer(models, gated=("o/gated",), private=("o/private",), broken=("o/broken",)) as hub:
        answers = ask_all(hub, *FAILURES, home=tmp_path / "home", download=download)
    for (source, said), answer in zip(FAILURES.items(), answers, strict=True):
        assert re.search(said, answer["error"]), source
        assert "\n" not in answer["error"]
        assert answer["kind"] == "CheckpointError"


@pytest.mark.parametrize(("extra", "said"), CIRCUMSTANCES)
def test_every_circumstance_is_one_sentence(
    folder: Path, tmp_path: Path, extra: dict[str, str], said: str
) -> None:
    with HubServer({"o/m": folder}) as hub:
        answer = ask(hub, "o/m", tmp_path / "home", **extra)
    assert said in answer["error"]
    assert "\n" not in answer["error"]
    assert answer["kind"] == ("MachineError" if "HF_HOME" in extra else "CheckpointError")


def test_a_token_opens_a_private_model(folder: Path, tmp_path: Path) -> None:
    with HubServer({"o/private": folder}, private=("o/private",)) as hub:
        assert len(ask(hub, "o/private", tmp_path / "home", HF_TOKEN=TOKEN)["tensors"]) == 12


def test_a_hub_that_ignores_ranges_is_not_read_to_the_end(folder: Path, tmp_path: Path) -> None:
    with HubServer({"o/m": folder}, ranges=False) as hub:
        assert len(ask(hub, "o/m", tmp_path / "home")["tensors"]) == 12
