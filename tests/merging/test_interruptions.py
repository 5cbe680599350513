"""Merges that are broken off, torn and resumed, and sources that change while they are read."""

import errno
import io
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import adamms
from adamms.checkpoints import local_files
from adamms.errors import CheckpointError, MachineError
from adamms.merging.journal import Journal
from adamms.progress import Silent
from small_families import write_family

PARTIAL = ".out.adamms-partial"
OF_MODEL = {"method": "ties", "settings": {"density": 0.3}}
OF_TENSORS = {"method": "della", "settings": {"rescale": "l1", "seed": 3}}
AT_RANDOM = {"method": "dare_ties", "settings": {"drop": 0.5, "seed": 3}}


class Watched(Silent):
    """Calls a function at every step of the merging itself, with the bytes written so far."""

    def __init__(self, step: Callable[[int], None]) -> None:
        self._step = step

    @contextmanager
    def stage(self, title: str, *, total: int, unit: str, done: int = 0) -> Iterator[Callable[[int], None]]:
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            if title == "Merging":
                self._step(done)

        yield advance


@pytest.fixture
def family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    # An errand a block, each noted at once: the pair is small, and tears should fall everywhere.
    monkeypatch.setattr("adamms.merging.stream.BLOCKS_PER_TASK", 1)
    monkeypatch.setitem(Journal.__init__.__kwdefaults__, "durable_every", 0)
    return write_family(tmp_path)


def merged(family: dict[str, Path], out: Path, how: dict[str, Any], **options: Any) -> Path:
    return adamms.merge(
        family["base"], family["donor"], out, pretrained=family["pretrained"], **how, **options
    ).path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def broken_off(family: dict[str, Path], out: Path, how: dict[str, Any], *, after: int) -> Path:
    def stop(done: int) -> None:
        if done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merged(family, out, how, progress=Watched(stop), threads=1)
    return out.parent / PARTIAL


@pytest.mark.parametrize("how", [{"alpha": 0.3}, OF_MODEL, OF_TENSORS, AT_RANDOM], ids=str)
def test_torn_anywhere_a_merge_resumes_bit_identical(
    family: dict[str, Path], tmp_path: Path, how: dict[str, Any]
) -> None:
    expected = files(merged(family, tmp_path / "unbroken", how))
    left = broken_off(family, tmp_path / "out", how, after=9_000)
    shutil.move(left, tmp_path / "left")
    random_ = random.Random(str(how))
    found = sorted(path.name for path in (tmp_path / "left").iterdir())
    assert "merge-journal.jsonl" in found
    for attempt in range(10):
        shutil.copytree(tmp_path / "left", left)
        torn = left / ("merge-journal.jsonl" if attempt % 2 else random_.choice(found))
        size = torn.stat().st_size
        os.truncate(torn, random_.randrange(size + 1))
        assert files(merged(family, tmp_path / "out", how, resume=True)) == expected, (torn.name, attempt)
        shutil.rmtree(tmp_path / "out")


def test_what_the_journal_does_not_vouch_for_is_written_again(
    family: dict[str, Path], tmp_path: Path
) -> None:
    expected = files(merged(family, tmp_path / "unbroken", OF_MODEL))
    left = broken_off(family, tmp_path / "out", OF_MODEL, after=9_000)
    journal, shard = left / "merge-journal.jsonl", left / "model.safetensors"
    journal.write_text(journal.read_text().splitlines()[0] + "\n")
    # Whatever lies in the file behind its header may be torn.
    header = 8 + int.from_bytes(shard.read_bytes()[:8], "little")
    with shard.open("r+b") as file:
        file.seek(header)
        file.write(os.urandom(shard.stat().st_size - header))
    assert files(merged(family, tmp_path / "out", OF_MODEL, resume=True)) == expected


def test_a_disk_that_fills_up_leaves_something_to_resume(
    family: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = files(merged(family, tmp_path / "unbroken", OF_MODEL))
    room = 12
    write = os.pwrite

    def full(descriptor: int, data: Any, offset: int) -> int:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(28, os.strerror(28))
        return write(descriptor, data, offset)

    with monkeypatch.context() as disk:
        disk.setattr("adamms.checkpoints.writer.os.pwrite", full)
        with pytest.raises(MachineError, match="No space left on device"):
            merged(family, tmp_path / "out", OF_MODEL)
    assert not (tmp_path / "out").exists()
    assert (tmp_path / PARTIAL / "merge-journal.jsonl").exists()
    assert files(merged(family, tmp_path / "out", OF_MODEL, resume=True)) == expected


@pytest.mark.parametrize("side", ["base", "donor", "pretrained"])
@pytest.mark.parametrize("way", ["written into", "replaced", "removed"])
def test_a_source_that_changes_while_it_is_read_is_an_error(
    family: dict[str, Path], tmp_path: Path, side: str, way: str
) -> None:
    path = family[side] / "model.safetensors"
    before = load_file(path)
    changed = {name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in before.items()}
    calls = []

    def change(done: int) -> None:
        calls.append(done)
        if len(calls) == 1 and way == "removed":
            path.unlink()
        elif len(calls) == 1:
            target = path if way == "written into" else tmp_path / "new.safetensors"
            save_file(changed, target, metadata={"format": "pt"})
            target.replace(path)

    told = rf"{side}/model\.safetensors (was changed while it was read|can no longer be read)"
    with pytest.raises(CheckpointError, match=told):
        merged(family, tmp_path / "out", OF_MODEL, progress=Watched(change), threads=1)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / PARTIAL).exists()


def test_a_merge_that_the_machine_stops_before_it_wrote_anything_leaves_nothing(
    family: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(MachineError, match="No space left on device"):
        merged(family, tmp_path / "new" / "out", OF_MODEL)
    assert sorted(tmp_path.iterdir()) == before


def test_a_disk_that_cannot_be_read_is_the_machines_fault(
    family: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(io.BufferedReader):
        def read(self, *_: object) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    def opened(path: str | Path) -> Any:
        file = regular(path)
        return Broken(file.detach()) if str(path).endswith(".safetensors") else file

    regular = local_files.open_regular
    monkeypatch.setattr("adamms.checkpoints.model_files.open_regular", opened)
    with pytest.raises(MachineError, match=r"\.safetensors cannot be read: Input/output error\."):
        merged(family, tmp_path / "out", OF_MODEL)
    assert not (tmp_path / "out").exists()
