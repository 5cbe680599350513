"""What a resumed run must find unchanged: its settings, and whatever else its answers depend on."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adamms.adapters import open_model
from adamms.answering.resume_state import ASKED, check_unchanged
from adamms.checkpoints import Checkpoint
from adamms.errors import RecipeError, SearchError
from adamms.recipes.recipe import make_recipe
from adamms.responses import Example
from adamms.runs.resume_guard import check_same_recipe
from adapters import low_rank, write_adapter
from small_pairs import FFN, HIDDEN, write_llava_onevision, write_qwen2_vl


def asked(folder: Path, prompt: str = "What is it?") -> None:
    picture = folder / "a.png"
    if not picture.exists():
        Image.new("RGB", (2, 2)).save(picture)
    examples = [Example("one", (picture,), prompt), Example("two", (), "And?")]
    with Checkpoint.open(folder / "base") as base, Checkpoint.open(folder / "donor") as donor:
        check_unchanged(
            folder,
            [base, donor],
            examples,
            vision_towers=[None, str(folder / "tower")],
            files=[None, folder / "mapping.json"],
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_qwen2_vl(tmp_path / "base")
    write_llava_onevision(tmp_path / "donor")
    (tmp_path / "mapping.json").write_text("{}")
    (tmp_path / "tower").mkdir()
    (tmp_path / "tower" / "config.json").write_text("{}")
    asked(tmp_path)
    return tmp_path


def test_what_is_as_it_was_goes_on(folder: Path) -> None:
    asked(folder)
    (folder / ASKED).write_text("{")  # killed while it wrote its first line
    asked(folder)


@pytest.mark.parametrize(
    "name",
    [
        "donor/model.safetensors",
        "donor/config.json",
        "donor/new.json",
        "tower/config.json",
        "a.png",
        "mapping.json",
    ],
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
        with open_model(f"{model}+{adapter}") as both:
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


TWO_DONORS = ({"model": "second", "alpha": 0.1}, {"model": "third", "alpha": 0.3})


def recipe_in(folder: Path, **parts: Any) -> None:
    """Check a recipe against the one in the folder, or write it there."""
    given = {
        "base": "base",
        "donor": "donor",
        "donors": TWO_DONORS,
        "mapping": {"exclude": ["norms", "layers=0-3"]},
        "merge": {"settings": {"normalize": False}},
        "search": {"inputs": "questions.jsonl", "samples": 20},
    }
    check_same_recipe(folder / "recipe.yaml", make_recipe(**{**given, **parts}))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"mapping": {"exclude": ["norms"]}}, r"mapping\.exclude \(was \['norms', 'layers=0-3'\]"),
        ({"mapping": {"exclude": ["layers=0-3", "norms"]}}, r"mapping\.exclude \(was"),
        ({"merge": {}}, r"merge\.settings\.normalize \(was False, now absent\)"),
        ({"donors": TWO_DONORS[::-1]}, r"donors\.1\.model.*donors\.1\.alpha"),
        ({"donors": TWO_DONORS[:1]}, r"donors\.2\.model \(was 'third', now absent\)"),
        (
            {"donors": ({"model": "second", "alpha": 0.3}, {"model": "third", "alpha": 0.1})},
            r"donors\.1\.alpha \(was 0\.1, now 0\.3\), donors\.2\.alpha \(was 0\.3, now 0\.1\)",
        ),
        ({"base": "donor", "donor": "base"}, r"base \(was 'base', now 'donor'\), donor"),
        (
            {"search": {"inputs": "questions.jsonl", "samples": 20, "seed": 20}},
            r"different: search\.seed \(was 0, now 20\)\.",
        ),
    ],
)
def test_another_recipe_is_refused_and_its_keys_are_named(
    tmp_path: Path, changed: dict[str, Any], named: str
) -> None:
    recipe_in(tmp_path)
    recipe_in(tmp_path)  # the same goes on
    kept = (tmp_path / "recipe.yaml").read_bytes()
    with pytest.raises(RecipeError, match=named):
        recipe_in(tmp_path, **changed)
    assert (tmp_path / "recipe.yaml").read_bytes() == kept


def test_the_order_of_a_tables_entries_counts(tmp_path: Path) -> None:
    table = {"*.o_proj.weight": 0.1, "attention": 0.2}
    recipe_in(tmp_path, merge={"alpha": table}, search=None)
    with pytest.raises(
        RecipeError, match=r"the order of merge\.alpha\.attention and merge\.alpha\.\*\.o_proj"
    ):
        recipe_in(tmp_path, merge={"alpha": dict(reversed(table.items()))}, search=None)


def test_a_recipe_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    recipe_in(tmp_path)
    (tmp_path / "recipe.yaml").write_text("base: [")
    with pytest.raises(RecipeError, match=r"recipe\.yaml is damaged.*--overwrite"):
        recipe_in(tmp_path)
