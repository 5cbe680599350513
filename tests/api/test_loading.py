"""Models that transformers does not run by itself are loaded like any other: by their folder."""

import json
import shutil
from pathlib import Path

import pytest

import adamms
from adamms.zoo import shipped_pair

PROCESSING = ("preprocessor_config.json", "processor_config.json", "chat_template.jinja")


@pytest.mark.parametrize("name", ["cogvlm-llava", "mplug_owl2-llava"])
def test_a_merged_model_of_our_classes_answers(name: str, tmp_path: Path) -> None:
    pair = shipped_pair(name)
    merged = adamms.merge(pair.base, pair.donor, tmp_path / "merged", alpha=0.3)
    model = adamms.load(merged.path, max_new_tokens=6)
    assert type(model.model).__module__.startswith("adamms.models.")
    assert model.answer("How much does this cost?", pair.inputs.parent / "images" / "price-001.png")
    assert model.answer("Who owns this?", [pair.inputs.parent / "images" / "owner-001.png"])


def test_a_cogvlm_in_its_authors_folder_answers_without_their_code(tmp_path: Path) -> None:
    """No model type, a pointer to remote code, and no file of a processor."""
    ours = shipped_pair("cogvlm-llava").base
    official = tmp_path / "cogvlm"
    shutil.copytree(ours, official, ignore=shutil.ignore_patterns(*PROCESSING))
    config = json.loads((ours / "config.json").read_text())
    del config["model_type"]
    remote = {"AutoConfig": "configuration_cogvlm.CogVLMConfig", "AutoModelForCausalLM": "modeling_cogvlm.C"}
    (official / "config.json").write_text(
        json.dumps(
            {**config, "architectures": ["CogVLMForCausalLM"], "auto_map": remote, "template_version": "vqa"}
        )
    )
    picture = shipped_pair().inputs.parent / "images" / "price-001.png"
    model = adamms.load(official, max_new_tokens=6)
    assert type(model.model).__name__ == "CogVLMForCausalLM"
    # The published processor's template is another than that of the shipped model.
    assert isinstance(model.answer("How much does this cost?", picture), str)
    assert "CogVLMForCausalLM" in repr(model)
