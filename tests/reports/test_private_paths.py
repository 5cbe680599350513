"""No path of the maker's machine in what is published; what only looks a little like one stays."""

from pathlib import Path

import pytest

from adamms.reports.private_paths import settings_without_paths, without_paths


@pytest.mark.parametrize(
    ("value", "published"),
    [
        ("/home/anna/secret-project/base", "base"),
        ("~/models/base", "base"),
        ("C:\\Users\\anna\\base", "base"),
        ("\\\\server\\share\\base", "base"),
        ("/home/anna/base+/home/anna/adapters/lora", "base+lora"),
        ("/cache/models--Qwen--Qwen2-VL-7B/snapshots/abc", "Qwen/Qwen2-VL-7B"),
        ("Qwen/Qwen2-VL-7B-Instruct", "Qwen/Qwen2-VL-7B-Instruct"),
        ("a / b", "a / b"),
        ("/", "/"),
        ("3/4", "3/4"),
        (0.3, 0.3),
        (None, None),
    ],
)
def test_folders_become_names(value: object, published: object) -> None:
    assert without_paths({"key": [value]}) == {"key": [published]}


def test_models_are_named_inside_sentences_too() -> None:
    notes = ["/m/base has no lm_head; /m/base-2 has.", "nothing"]

    assert without_paths(notes, ["/m/base", "/m/base-2"]) == ["base has no lm_head; base-2 has.", "nothing"]


def test_settings_keep_what_is_no_place_on_this_machine(tmp_path: Path) -> None:
    settings = {
        "_name_or_path": "/mnt/team/checkpoints/step-100",
        "mm_vision_tower": str(tmp_path),
        "chat_template": "/no/such/file is text",
        "nested": [{"name_or_path": "/home/anna/tokenizer", "pattern": "/{2}x"}],
        "hub": "openai/clip-vit-large-patch14-336",
    }

    assert settings_without_paths(settings) == {
        **settings,
        "_name_or_path": "step-100",
        "mm_vision_tower": tmp_path.name,
        "nested": [{"name_or_path": "tokenizer", "pattern": "/{2}x"}],
    }
