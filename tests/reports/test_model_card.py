"""The model card: metadata as hubs read it, and a body that claims nothing unmeasured."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results

from adamms.errors import EvaluationError
from adamms.reports.measured import read_measured
from adamms.reports.model_card import model_card, write_model_card
from adamms.reports.wording import model_id, short_name
from adamms.responses import Responses
from adamms.searching import select

HUB = {"source": "Qwen/Qwen2-VL-7B-Instruct", "revision": "abc123", "fingerprint": "abc123"}
LOCAL = {"source": "/models/my donor (v2)", "revision": None, "fingerprint": "sha256:77"}


def description(**changes: Any) -> dict[str, Any]:
    totals = {"merged": 339, "partly": 0, "kept": 391, "parameters_merged": 7_615_616_512}
    return {
        "version": "0.1.0",
        "base": HUB,
        "donor": LOCAL,
        "mapping": {"duplicates": "paired", "vocabulary": "tokens", **totals},
        "method": "linear",
        "alpha": 0.3,
        "dtype": None,
        "selection": None,
        **changes,
    }


def card(folder: Path, config: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], str]:
    (folder / "config.json").write_text(json.dumps(config))
    path = write_model_card(folder, description(**changes))
    assert path == folder / "README.md"
    _, metadata, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(metadata), body


def test_the_metadata_names_both_parents_as_a_merge(tmp_path: Path) -> None:
    metadata, body = card(tmp_path, {"model_type": "qwen2_vl", "vision_config": {}})

    assert metadata == {
        "base_model": ["Qwen/Qwen2-VL-7B-Instruct", "my-donor-v2"],
        "base_model_relation": "merge",
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["merge", "adamms"],
    }
    assert (
        "[Qwen/Qwen2-VL-7B-Instruct](https://huggingface.co/Qwen/Qwen2-VL-7B-Instruct) at revision `abc123`"
        in body
    )
    assert "`my donor (v2)` (a folder on the machine" in body
    assert "/models" not in body
    assert "339 merged, 0 in part, 391 kept" in body
    assert "alpha (the donor's weight) | 0.3" in body
    assert "No benchmark was measured" in body
    assert 'AutoModelForImageTextToText.from_pretrained("path/or/id/of/this/model", dtype="auto")' in body


def test_a_plain_language_model_is_called_one(tmp_path: Path) -> None:
    metadata, body = card(tmp_path, {"model_type": "qwen2"})

    assert metadata["pipeline_tag"] == "text-generation"
    assert "AutoModelForCausalLM.from_pretrained" in body
    assert "AutoTokenizer" in body


def test_a_model_with_code_of_its_own_is_loaded_with_it(tmp_path: Path) -> None:
    config = {"model_type": "minicpmv", "vision_config": {}, "auto_map": {"AutoModel": "modeling.Model"}}

    _, body = card(tmp_path, config)

    assert (
        'AutoModel.from_pretrained("path/or/id/of/this/model", dtype="auto", trust_remote_code=True)' in body
    )


def test_the_licence_is_that_of_both_parents(tmp_path: Path) -> None:
    metadata, body = card(tmp_path, {}, base={**HUB, "license": "mit"}, donor={**LOCAL, "license": "mit"})

    assert metadata["license"] == "mit"
    assert "(Qwen/Qwen2-VL-7B-Instruct: mit; my donor (v2): mit)" in body
    metadata, body = card(tmp_path, {}, base={**HUB, "license": "mit"})
    assert "license" not in metadata
    assert "my donor (v2): not known" in body


def test_the_recipe_is_in_the_card_without_paths(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    recipe = (
        "base: Qwen/Qwen2-VL-7B-Instruct@abc123\ndonor: /models/my donor (v2)\nforce: false\n"
        "merge: {method: linear, alpha: 0.0, settings: {}, dtype: null}\nsearch: null\n"
    )

    body = write_model_card(tmp_path, description(), recipe=recipe).read_text()

    text = body.partition("```yaml\n")[2].partition("```")[0]
    assert yaml.safe_load(text) == {
        "base": "Qwen/Qwen2-VL-7B-Instruct@abc123",
        "donor": "my donor (v2)",
        "merge": {"method": "linear", "alpha": 0.0},
    }
    assert "/models" not in body


def test_what_was_measured_is_a_table_and_a_model_index(tmp_path: Path) -> None:
    result = {
        "alpha": 0.3,
        "score": 0.75,
        "stderr": 0.0442,
        "count": 97,
        "tasks": {"count": {"score": 0.5, "stderr": None, "count": 1}},
    }
    scores = {"model": str(tmp_path), "inputs": "/home/anna/my|q.jsonl", "metric": "vqa", "results": [result]}
    (tmp_path / "scores.json").write_text(json.dumps(scores))

    measured = read_measured(tmp_path / "scores.json", model=tmp_path)
    text = model_card(description(), {"vision_config": {}}, measured=measured, name="me/merged")

    _, metadata, body = text.split("---\n", 2)
    (index,) = yaml.safe_load(metadata)["model-index"]
    assert index["name"] == "Qwen/Qwen2-VL-7B-Instruct merged with my donor (v2)"
    assert index["results"][0] == {
        "task": {"type": "image-text-to-text"},
        "dataset": {"type": "my|q.jsonl", "name": "my|q.jsonl"},
        "metrics": [{"type": "vqa", "name": "vqa", "value": 75.0}],
    }
    # As the hub's own library reads it.
    assert [result.metric_value for result in model_index_to_eval_results([index])[1]] == [75.0, 50.0]
    assert r"| my\|q.jsonl | vqa | 75.0 % ± 4.4 | 97 |" in body
    assert "No benchmark" not in body
    assert "anna" not in text
    assert 'from_pretrained("me/merged"' in body
    with pytest.raises(EvaluationError, match="holds the scores of"):
        read_measured(tmp_path / "scores.json", model=tmp_path / "another")
    (tmp_path / "scores.json").write_text("[]")
    with pytest.raises(EvaluationError, match="does not say how a model scored"):
        read_measured(tmp_path, model=tmp_path)
    with pytest.raises(EvaluationError, match="do not exist"):
        read_measured(tmp_path / "none.json", model=tmp_path)


def test_a_harness_score_is_measured_too(tmp_path: Path) -> None:
    task = {
        "score": None,
        "count": 2374,
        "harness": "lmms-eval",
        "task": "mme",
        "metric": "mme_sum",
        "value": 1893.5,
    }
    scores = {"model": str(tmp_path), "results": [{"alpha": 0.3, "tasks": {"MME": task}}]}
    (tmp_path / "scores.json").write_text(json.dumps(scores))

    (measured,) = read_measured(tmp_path, model=tmp_path)

    assert (measured.dataset, measured.metric, measured.value) == ("MME", "mme_sum (lmms-eval)", 1893.5)
    assert "| MME | mme\\_sum (lmms-eval) | 1894 | 2,374 |" in model_card(
        description(), {}, measured=[measured]
    )


def test_a_choice_by_another_signal_is_not_told_as_consistency(tmp_path: Path, responses: Responses) -> None:
    sure = {
        alpha: {id_: replace(answer, confidence=0.9 - alpha) for id_, answer in given.items()}
        for alpha, given in responses.items()
    }
    selection = select(sure, rule="confidence", gated=True)

    _, body = card(tmp_path, {}, selection=selection.to_json(), alpha=selection.selected)

    assert "generation consistency" not in body.partition("How alpha")[2]
    assert "(rule `confidence`, gated, metric `exact`)" in body
    assert "by the rule confidence" in body


def test_a_selection_is_told_with_its_table(tmp_path: Path, responses: Responses) -> None:
    selection = select(responses)

    _, body = card(tmp_path, {}, selection=selection.to_json(), alpha=selection.selected)

    assert "Without labels, by generation consistency (rule `sum`, metric `exact`)" in body
    assert f"| {selection.selected:g} | 6 | 1 | 5 | chosen |" in body
    assert "| 0 |  |  | 10 |  |" in body
    assert "of 40 answers 40 are empty" in body


def test_an_answer_in_a_reason_cannot_leave_its_cell(tmp_path: Path, responses: Responses) -> None:
    selection = select(responses).to_json()
    selection["candidates"][6]["disqualified"] = 'answers "| <img src=x>\n[a](b)" to 40'

    _, body = card(tmp_path, {}, selection=selection)

    assert r"\| \<img src=x\> \[a\](b)" in body


def test_the_bases_card_is_replaced_and_a_link_to_it_left_alone(tmp_path: Path) -> None:
    original = tmp_path / "original.md"
    original.write_text("# The base's card")
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").symlink_to(original)

    write_model_card(out, description())

    assert original.read_text() == "# The base's card"
    assert not (out / "README.md").is_symlink()


def test_parents_have_short_names_and_ids_without_paths() -> None:
    cached = "/root/.cache/huggingface/hub/models--llava-hf--llava-onevision-qwen2-7b-ov-hf/snapshots/0f3a"

    assert short_name("Qwen/Qwen2-VL-7B") == "Qwen/Qwen2-VL-7B"
    assert short_name("/data/models/qwen2_vl") == "qwen2_vl"
    assert short_name(cached) == model_id(cached) == "llava-hf/llava-onevision-qwen2-7b-ov-hf"
    assert model_id("/data/Modèle final") == "Mod-le-final"
    assert model_id("/data/模型") == "unnamed"


@pytest.mark.parametrize(
    "config",
    [
        {"architectures": ["CogVLMForCausalLM"], "vision_config": {}, "auto_map": {"AutoModel": "own.Model"}},
        {"model_type": "mplug_owl2", "visual_config": {}, "auto_map": {"AutoModel": "own.Model"}},
    ],
)
def test_architectures_of_ours_load_with_our_classes(config: dict[str, Any], tmp_path: Path) -> None:
    metadata, body = card(tmp_path, config)
    assert metadata["pipeline_tag"] == "image-text-to-text"
    assert "from adamms.models import native_config, native_processor" in body
    assert "trust_remote_code" not in body


def test_the_original_llava_layout_loads_with_the_code_it_came_from(tmp_path: Path) -> None:
    config = {"model_type": "llava", "architectures": ["LlavaLlamaForCausalLM"], "mm_vision_tower": "clip"}
    metadata, body = card(tmp_path, config)
    assert metadata["pipeline_tag"] == "image-text-to-text"
    assert "the code that the base came with" in body and "AutoModel" not in body


def test_how_much_of_the_language_model_takes_part_is_said_without_folders(tmp_path: Path) -> None:
    mapping = description()["mapping"] | {
        "language_parameters": 8_000_000_000,
        "notes": [
            f"2 weights that only {LOCAL['source']} has (bias; 0.01% of its language model) are unused."
        ],
    }
    _, body = card(tmp_path, {"model_type": "qwen2_vl"}, mapping=mapping)
    assert "| language model | 95.2% of the base's 8,000,000,000 parameters |" in body
    assert "- 2 weights that only my donor (v2) has (bias; 0.01% of its language model) are unused." in body
    assert "/models" not in body


def test_html_and_markdown_in_names_are_text(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>`|[a](http://b)\n# c&lt;\u202e"
    parent = {"source": f"/models/{name}", "revision": None, "fingerprint": "sha256:77"}
    stranger = {"source": "a/<script>", "revision": "`<b>`", "fingerprint": None}
    mapping = {**description()["mapping"], "language_parameters": 10, "notes": [f"a note on {name}"]}
    _, body = card(tmp_path, {}, base=parent, donor=parent, pretrained=stranger, mapping=mapping)

    lines = body.splitlines()
    outside_code = "\n".join(re.sub(r"`[^`]*`", "", line.replace("\\`", "")) for line in lines)
    assert not re.search(r"(?<!\\)<", outside_code)
    assert not re.search(r"(?<!\\)\]\(http://b", outside_code)
    assert "# c" not in [line[:3] for line in lines]
    assert "\u202e" not in body
    assert all(line.count("|") - line.count("\\|") == 3 for line in lines if line.startswith("| "))
