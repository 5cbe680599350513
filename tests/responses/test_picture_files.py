"""Only the pictures that are meant: formats by a list, files that are files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from adamms.answering.transformers_engine import open_image
from adamms.errors import SearchError
from adamms.reports.pictures import pictures
from adamms.responses.inputs import image_problem
from adamms.responses.picture_files import opened_picture

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
showpage
"""


@pytest.fixture
def eps(tmp_path: Path) -> Path:
    """Under a name that promises something else."""
    path = tmp_path / "a.png"
    path.write_bytes(EPS)
    return path


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "MPO"])
def test_pictures_as_people_have_them_open(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    Image.new("RGB", (3, 2), (255, 0, 0)).save(path, kind)
    assert image_problem(path) is None
    assert open_image(path).size == (3, 2)


def test_an_eps_is_no_picture_here_and_starts_no_program(
    eps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gs", "gswin64c"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/started\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    problem = image_problem(eps)
    assert problem is not None
    assert problem.startswith(f"{eps} is not an image that can be read (PNG, ")
    with pytest.raises(SearchError, match="cannot be read"):
        open_image(eps)
    (shown,) = pictures([eps]).values()
    assert shown.thumbnail is None
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize("suffix", ["xbm", "xpm", "pcx", "sgi", "tga", "ico"])
def test_other_formats_of_pillow_are_not_meant(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    picture = Image.new("1" if suffix == "xbm" else "RGB", (16, 16))
    if suffix == "xpm":
        path.write_text('/* XPM */\nstatic char *a[] = {\n"1 1 1 1",\n"a c #FF0000",\n"a"\n};\n')
    else:
        picture.save(path)
    assert image_problem(path) is not None


def test_a_pipe_is_no_picture_and_nobody_waits_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    os.mkfifo(path)
    assert image_problem(path) == f"the image {path} cannot be read: it is a named pipe, not a file"
    (tmp_path / "inputs.jsonl").write_text('{"audio": "a.png", "prompt": "what?"}\n')
    code = "import sys; from adamms.responses import read_inputs; read_inputs(sys.argv[1])"
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "inputs.jsonl")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "a.png is a named pipe, not a file" in result.stderr


def test_the_file_is_closed_behind_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (2, 2)).save(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with opened_picture(path) as picture:
            picture.load()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
