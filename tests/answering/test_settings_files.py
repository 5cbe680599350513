"""Settings that transformers would follow anywhere: within bounds, and to no code that nobody trusted."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from adamms.answering.settings_files import require_sound_settings
from adamms.errors import SearchError
from adamms.zoo import PAIRS, shipped_pair

PAIR = shipped_pair()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PAIR.base, tmp_path / "model"))


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize("name", PAIRS)
def test_the_models_that_ship_are_sound(name: str) -> None:
    require_sound_settings(shipped_pair(name).base, trust_remote_code=False)


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("config.json", {"attn_implementation": "someone/kernel"}),
        ("config.json", {"text_config": {"_attn_implementation": "someone/kernel@v1:flash"}}),
        ("config.json", {"attn_implementation": {"text_config": "someone/kernel"}}),
        ("config.json", {"experts_implementation": "someone/kernel"}),
        ("config.json", {"use_kernels": True}),
        ("generation_config.json", {"custom_generate": "someone/code"}),
    ],
)
def test_code_on_a_hub_is_refused_unless_it_is_trusted(
    model: Path, file: str, values: dict[str, Any]
) -> None:
    change(model / file, **values)
    with pytest.raises(SearchError, match=r"fetch code from a hub and run it; .* --trust-remote-code"):
        require_sound_settings(model, trust_remote_code=False)
    require_sound_settings(model, trust_remote_code=True)


def test_what_transformers_brings_itself_is_no_code_of_a_hub(model: Path) -> None:
    change(model / "config.json", attn_implementation="sdpa", use_kernels=False)
    require_sound_settings(model, trust_remote_code=False)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("generation_config.json", b"[" * 100_000, "nested too deeply"),
        ("preprocessor_config.json", b"{", "not valid JSON"),
        (
            "processor_config.json",
            b'{"a": "' + b"a" * (9 << 20) + b'"}',
            "more than 8 MB",
        ),
        ("chat_template.jinja", b"a" * (2 << 20), "more than 1 MB"),
        ("tokenizer_config.json", b"\xff", "not valid JSON"),
    ],
)
def test_what_is_out_of_bounds_is_told(model: Path, file: str, content: bytes, said: str) -> None:
    (model / file).write_bytes(content)
    with pytest.raises(SearchError, match=said):
        require_sound_settings(model, trust_remote_code=False)
