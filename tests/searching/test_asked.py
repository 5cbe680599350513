"""What a resumed run must find unchanged: whatever its answers depend on."""

import json
from pathlib import Path

import pytest
from PIL import Image

from adamms.checkpoints import Checkpoint
from adamms.errors import SearchError
from adamms.searching import Example
from adamms.searching.asked import ASKED, require_same
from small_pairs import write_llava_onevision, write_qwen2_vl


def asked(folder: Path, prompt: str = "What is it?") -> None:
    picture = folder / "a.png"
    if not picture.exists():
        Image.new("RGB", (2, 2)).save(picture)
    examples = [Example("one", (picture,), prompt), Example("two", (), "And?")]
    with Checkpoint.open(folder / "base") as base, Checkpoint.open(folder / "donor") as donor:
        require_same(folder, [base, donor], examples, vision_tower=str(folder / "tower"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_qwen2_vl(tmp_path / "base")
    write_llava_onevision(tmp_path / "donor")
    (tmp_path / "tower").mkdir()
    (tmp_path / "tower" / "config.json").write_text("{}")
    asked(tmp_path)
    return tmp_path


def test_what_is_as_it_was_goes_on(folder: Path) -> None:
    asked(folder)
    (folder / ASKED).write_text("{")  # killed while it wrote its first line
    asked(folder)


@pytest.mark.parametrize(
    "name", ["donor/model.safetensors", "donor/config.json", "donor/new.json", "tower/config.json", "a.png"]
)
def test_a_file_that_was_changed_is_named(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes() if path.exists() else b"{}")
    with pytest.raises(SearchError, match=f"{name} has changed.* --overwrite"):
        asked(folder)


def test_a_question_that_was_changed_is_named(folder: Path) -> None:
    with pytest.raises(SearchError, match="the input 'one' has changed"):
        asked(folder, "What was it?")


def test_how_many_changed_is_told(folder: Path) -> None:
    noted = json.loads((folder / ASKED).read_text())
    (folder / ASKED).write_text(json.dumps(dict.fromkeys(noted)))
    with pytest.raises(SearchError, match=rf" \(and {len(noted) - 1} more\) has changed"):
        asked(folder)
