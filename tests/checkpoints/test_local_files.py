"""Files that are none: a pipe that nobody writes into, a device, a socket."""

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from adamms.checkpoints import Checkpoint
from adamms.checkpoints.auxiliary_files import require_auxiliary_files
from adamms.checkpoints.local_files import NoRegularFileError, open_regular, read_text, special_kind
from adamms.errors import AdaMMSError
from adamms.evaluation.labels import read_labels
from adamms.evaluation.score_files import read_scores
from adamms.recipes.recipe import read_recipe
from adamms.responses import read_inputs, read_responses


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def bound(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def device(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


SPECIAL = {"a named pipe": pipe, "a socket": bound, "a device": device}


@pytest.fixture(params=list(SPECIAL))
def special(request: pytest.FixtureRequest) -> tuple[str, Callable[[Path], Path]]:
    return request.param, SPECIAL[request.param]


def test_what_is_no_file_is_refused_by_its_kind(
    special: tuple[str, Callable[[Path], Path]], tmp_path: Path
) -> None:
    kind, make = special
    path = make(tmp_path / "x")
    assert special_kind(path) == kind
    with pytest.raises(NoRegularFileError) as refused:
        open_regular(path)
    assert refused.value.strerror == f"it is {kind}, not a file"


def test_files_folders_and_nothing_are_as_everywhere(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes("ü\r\nb\n".encode())
    (tmp_path / "link").symlink_to(file)
    assert read_text(tmp_path / "link") == "ü\nb\n"
    assert special_kind(file) is special_kind(tmp_path) is special_kind(tmp_path / "none") is None
    with pytest.raises(IsADirectoryError) as folder:
        open_regular(tmp_path)
    assert folder.value.errno == errno.EISDIR
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


@pytest.mark.parametrize("name", ["x.jsonl", "x.yaml", "x.json"])
@pytest.mark.parametrize("read", [read_inputs, read_recipe, read_scores, read_labels, read_responses])
def test_every_reader_of_a_named_file_says_what_it_is_not(
    special: tuple[str, Callable[[Path], Path]],
    read: Callable[[Path], object],
    name: str,
    tmp_path: Path,
) -> None:
    _, make = special
    with pytest.raises(AdaMMSError) as refused:
        read(make(tmp_path / name))
    assert str(tmp_path) in str(refused.value)


def test_a_checkpoint_whose_config_is_a_pipe_is_refused(tmp_path: Path) -> None:
    pipe(tmp_path / "config.json")
    (tmp_path / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(AdaMMSError, match=r"config\.json.*not a regular file"):
        Checkpoint.open(tmp_path)


def test_a_tokenizer_that_is_a_pipe_is_refused_before_anybody_opens_it(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "model.safetensors")
    pipe(tmp_path / "tokenizer.json")
    with (
        Checkpoint.open(tmp_path) as checkpoint,
        pytest.raises(AdaMMSError, match=r"tokenizer\.json.*not a regular file"),
    ):
        require_auxiliary_files(checkpoint)
