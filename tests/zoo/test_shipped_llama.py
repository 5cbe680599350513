"""The three that grow from a Llama: whole, small, loadable with `adamms.models`, as good as they state."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open

import adamms.models  # noqa: F401
from adamms.answering.preparation import Preparation
from adamms.errors import AdaMMSError
from adamms.zoo import DEFAULT, LLAMA, PAIRS, Pair, shipped_pair

FOLDERS = {
    name: shipped_pair(f"{name}-{donor}").base
    for name, donor in zip(("cogvlm", "mplug_owl2", "llava"), ("llava", "llava", "cogvlm"), strict=True)
}
PRETRAINED = shipped_pair("cogvlm-llava").pretrained
CLASSES = {
    "cogvlm": "CogVLMForCausalLM",
    "mplug_owl2": "MPLUGOwl2LlamaForCausalLM",
    "llava": "LlavaForConditionalGeneration",
}
OF_THE_PAPER = (
    "cogvlm-llava",
    "cogvlm-mplug_owl2",
    "mplug_owl2-llava",
    "llava-mplug_owl2",
    "mplug_owl2-cogvlm",
)


def scores() -> dict[str, Any]:
    stated: dict[str, Any] = json.loads((PRETRAINED.parent / "scores.json").read_text(encoding="utf-8"))
    return stated


def names_and_shapes(folder: Path) -> dict[str, list[int]]:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118


def load(folder: Path) -> torch.nn.Module:
    from transformers import AutoModelForImageTextToText

    model, problems = AutoModelForImageTextToText.from_pretrained(
        folder, dtype=torch.float32, output_loading_info=True
    )
    assert not any(problems.values()), problems
    return model.eval()


def test_every_pair_of_the_paper_has_its_counterpart() -> None:
    assert {*OF_THE_PAPER, DEFAULT, "llava-onevision-qwen2-vl"} <= set(PAIRS)
    for name in PAIRS:
        pair = shipped_pair(name)
        assert (pair.base / "model.safetensors").is_file()
        assert (pair.donor / "model.safetensors").is_file()
        assert pair.base != pair.donor
    with pytest.raises(AdaMMSError, match=r"no pair 'cogvlm-qwen2-vl'.*mplug_owl2-llava"):
        shipped_pair("cogvlm-qwen2-vl")


def test_each_is_under_three_megabytes_and_all_that_ships_under_twenty() -> None:
    root = PRETRAINED.parent.parent
    for folder in (PRETRAINED, *FOLDERS.values()):
        assert sum(file.stat().st_size for file in folder.iterdir()) < 3_000_000
    shipped = [root / name for name in ("pair", "llama", "inputs")]
    assert sum(file.stat().st_size for at in shipped for file in at.rglob("*") if file.is_file()) < 20_000_000


@pytest.mark.parametrize("name", list(FOLDERS))
def test_each_loads_once_our_classes_are_registered(name: str) -> None:
    from transformers import AutoProcessor, AutoTokenizer

    folder = FOLDERS[name]
    model = load(folder)
    assert type(model).__name__ == CLASSES[name]
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.unk_token_id not in tokenizer("USER: What color is the triangle? ASSISTANT:").input_ids
    assert AutoProcessor.from_pretrained(folder).chat_template
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118


def test_the_llama_has_no_biases_and_as_many_keys_as_queries() -> None:
    from transformers import AutoModelForCausalLM

    theta = AutoModelForCausalLM.from_pretrained(PRETRAINED)
    assert type(theta).__name__ == "LlamaForCausalLM"
    shapes = names_and_shapes(PRETRAINED)
    assert not any(name.endswith("bias") for name in shapes)
    attention = "model.layers.0.self_attn.{}_proj.weight"
    assert shapes[attention.format("k")] == shapes[attention.format("q")] == [128, 128]


def test_theta_0_shares_its_names_and_shapes_with_all_three() -> None:
    theta = names_and_shapes(PRETRAINED)
    llava, cogvlm, mplug = (names_and_shapes(FOLDERS[name]) for name in ("llava", "cogvlm", "mplug_owl2"))
    tables = {"model.embed_tokens.weight", "lm_head.weight"}
    for name, shape in theta.items():
        assert llava["language_model." + name][1:] == shape[1:]
        assert name in tables or llava["language_model." + name] == shape
        two_way = name in mplug
        assert mplug[name if two_way else ".multiway.0.".join(name.rsplit(".", 1))] == shape
        if "_proj" not in name:
            assert cogvlm[name] == shape
    stem = "model.layers.3."
    assert mplug[stem + "self_attn.v_proj.multiway.1.weight"] == theta[stem + "self_attn.v_proj.weight"]
    assert cogvlm[stem + "self_attn.vision_expert_query_key_value.weight"] == [3 * 128, 128]
    assert cogvlm[stem + "mlp.vision_mlp.up_proj.weight"] == theta[stem + "mlp.up_proj.weight"]


@pytest.mark.parametrize("name", ["cogvlm", "mplug_owl2"])
def test_tuning_drew_the_duplicates_away_from_what_they_were_copied_from(name: str) -> None:
    first, second = {
        "cogvlm": ("language_expert_query_key_value.weight", "vision_expert_query_key_value.weight"),
        "mplug_owl2": ("k_proj.multiway.0.weight", "k_proj.multiway.1.weight"),
    }[name]
    with safe_open(FOLDERS[name] / "model.safetensors", "pt") as file:
        one, two = (file.get_tensor(f"model.layers.1.self_attn.{part}").float() for part in (first, second))
    similarity = torch.nn.functional.cosine_similarity(one.flatten(), two.flatten(), dim=0).item()
    assert 0.8 < similarity < 0.9999


@pytest.mark.parametrize("name", list(FOLDERS))
def test_the_shipped_weights_score_what_the_card_says(name: str) -> None:
    """Asked through the model's own processor, chat template and `generate`."""
    folder, pair, stated = FOLDERS[name], shipped_pair("cogvlm-llava"), scores()
    preparation, model = Preparation.from_folder(folder), load(folder)
    right: Counter[str] = Counter()
    for record, truth in questions_of(pair):
        with Image.open(pair.inputs.parent / record["image"]) as image:
            inputs = preparation.prepare([image.convert("RGB")], record["prompt"])
        with torch.inference_mode():
            tokens = model.generate(**inputs, max_new_tokens=6, do_sample=False)
        said = preparation.decode(tokens[0, inputs["input_ids"].shape[1] :].tolist())
        right[record["id"].rsplit("-", 1)[0]] += said == truth
    for task, count in stated["right"][name].items():
        assert abs(right[task] - count) <= 1, (task, right[task], count)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"| all | {sum(stated['right'][name].values())} | {sum(stated['asked'].values())} |" in card


def questions_of(pair: Pair) -> list[tuple[dict[str, str], str]]:
    answers = pair.true_answers()
    records = map(json.loads, pair.inputs.read_text(encoding="utf-8").splitlines())
    return [(record, answers[record["id"]]) for record in records]


@pytest.mark.parametrize("name", OF_THE_PAPER)
def test_each_merge_brings_what_only_the_donor_was_taught(name: str) -> None:
    _, base, donor = PAIRS[name]
    sweep = scores()["sweeps"][f"{base} <- {donor}"]
    taught = dict(zip(sweep["alphas"], sweep["accuracy"]["facts taught to the donor"], strict=True))
    assert taught[0.4] > taught[0.0] + 10
    right = dict(zip(sweep["alphas"], sweep["right"], strict=True))
    if name != "mplug_owl2-cogvlm":  # the one that has nothing to gain in all, as docs/zoo.md tells
        assert sweep["best"] > 0
        assert right[sweep["best"]] >= right[0.0] + 9
    card = (shipped_pair(name).base / "README.md").read_text(encoding="utf-8")
    row = " | ".join(str(count) for count in sweep["right"])
    assert f"| {LLAMA.titles[donor]} | {row} | {sweep['selected']} | {sweep['best']} |" in card
