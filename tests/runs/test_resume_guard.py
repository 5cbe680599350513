"""What a resumed run must find unchanged: whatever its answers depend on."""

import json
from pathlib import Path

import pytest
from PIL import Image

from adamms.checkpoints import Checkpoint
from adamms.errors import SearchError
from adamms.responses import Example
from adamms.runs.resume_guard import ASKED, check_unchanged
from adapters import low_rank, write_adapter
from small_pairs import FFN, HIDDEN, write_llava_onevision, write_qwen2_vl


def asked(folder: Path, prompt: str = "What is it?") -> None:
    picture = folder / "a.png"
    if not picture.exists():
        Image.new("RGB", (2, 2)).save(picture)
    examples = [Example("one", (picture,), prompt), Example("two", (), "And?")]
    with Checkpoint.open(folder / "base") as base, Checkpoint.open(folder / "donor") as donor:
        check_unchanged(folder, [base, donor], examples, vision_tower=str(folder / "tower"))


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


def test_another_way_to_the_same_files_is_no_change(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = folder.parent / f"{folder.name}-link"
    link.symlink_to(folder)
    asked(link)
    monkeypatch.chdir(folder)
    asked(Path())


def test_what_lies_in_folders_of_a_model_is_not_its_own(folder: Path) -> None:
    (folder / "base" / "scores").mkdir()
    (folder / "base" / "scores" / "scores.json").write_text("{}")
    asked(folder)


def test_an_adapters_settings_count(tmp_path: Path) -> None:
    model = write_qwen2_vl(tmp_path / "model")
    adapter = write_adapter(tmp_path / "adapter", low_rank({"model.layers.0.mlp.up_proj": (FFN, HIDDEN)}))

    def note() -> None:
        with Checkpoint.open(f"{model}+{adapter}") as both:
            check_unchanged(tmp_path, [both], [])

    note()
    note()
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps({**config, "lora_alpha": 64}))
    with pytest.raises(SearchError, match=r"adapter_config\.json has changed"):
        note()


def test_how_many_changed_is_told(folder: Path) -> None:
    noted = json.loads((folder / ASKED).read_text())
    (folder / ASKED).write_text(json.dumps(dict.fromkeys(noted)))
    with pytest.raises(SearchError, match=rf" \(and {len(noted) - 1} more\) has changed"):
        asked(folder)
