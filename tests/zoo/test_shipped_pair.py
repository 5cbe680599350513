"""The pair that ships: whole, small, loadable by transformers alone, and as good as its cards say."""

import json
from collections import Counter
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from adamms.answering.preparation import Preparation
from adamms.zoo import Pair, shipped_pair

PAIR = shipped_pair()
FOLDERS = {"qwen2-vl": PAIR.base, "llava-onevision": PAIR.donor}


def records(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def names_and_shapes(folder: Path) -> dict[str, list[int]]:
    with safe_open(folder / "model.safetensors", "pt") as file:
        return {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118


def load(folder: Path) -> torch.nn.Module:
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    auto = AutoModelForCausalLM if folder == PAIR.pretrained else AutoModelForImageTextToText
    model, problems = auto.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    assert not any(problems.values()), problems
    return model.eval()


def test_everything_together_is_small_enough_to_ship() -> None:
    root = PAIR.base.parent.parent
    models = sum(file.stat().st_size for file in (root / "pair").rglob("*") if file.is_file())
    inputs = sum(file.stat().st_size for file in (root / "inputs").rglob("*") if file.is_file())
    assert models < 12_000_000
    assert inputs < 2_000_000


@pytest.mark.parametrize("folder", [PAIR.base, PAIR.donor, PAIR.pretrained], ids=lambda path: path.name)
def test_each_model_loads_with_plain_from_pretrained(folder: Path) -> None:
    from transformers import AutoTokenizer

    model = load(folder)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer("How much does this cost?").input_ids == tokenizer("how much does this cost ?").input_ids
    assert tokenizer.unk_token_id not in tokenizer("What color is the triangle?").input_ids
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"BF16"}  # noqa: SIM118


def test_the_names_on_disk_are_the_hub_s_own() -> None:
    base, donor = names_and_shapes(PAIR.base), names_and_shapes(PAIR.donor)
    assert {name.split(".")[0] for name in base} == {"model", "visual", "lm_head"}
    assert "model.layers.0.self_attn.q_proj.weight" in base
    assert "language_model.model.layers.0.self_attn.q_proj.weight" in donor
    assert "image_newline" in donor


def test_theta_0_shares_its_language_model_with_both() -> None:
    theta = names_and_shapes(PAIR.pretrained)
    tables = {"model.embed_tokens.weight", "lm_head.weight"}
    parents = {"": names_and_shapes(PAIR.base), "language_model.": names_and_shapes(PAIR.donor)}
    for prefix, parent in parents.items():
        for name, shape in theta.items():
            assert parent[prefix + name][1:] == shape[1:]
            assert name in tables or parent[prefix + name] == shape
    rows = [theta[name][0] for name in sorted(tables)]
    rows += [parent[prefix + name][0] for prefix, parent in parents.items() for name in sorted(tables)]
    assert len(set(rows)) == 3, "the three vocabularies have different numbers of rows, as real ones do"


def test_the_tokenizers_agree_on_words_and_differ_on_their_own_tokens() -> None:
    from transformers import AutoTokenizer

    theta, base, donor = (
        AutoTokenizer.from_pretrained(folder).get_vocab()
        for folder in (PAIR.pretrained, PAIR.base, PAIR.donor)
    )
    assert all(base[token] == donor[token] == row for token, row in theta.items())
    assert {token for token in base if token not in donor} == {
        "<|vision_start|>",
        "<|vision_end|>",
        "<|vision_pad|>",
        "<|image_pad|>",
        "<|video_pad|>",
    }
    assert {token for token in donor if token not in base} == {"<image>", "<video>"}
    assert donor["<image>"] in base.values(), "the same row means different tokens in the two"


def test_the_inputs_hold_no_answers_and_match_them_by_id() -> None:
    inputs, answers = records(PAIR.inputs), records(PAIR.answers)
    assert 200 <= len(inputs) <= 300
    assert all(set(record) == {"id", "image", "prompt"} for record in inputs)
    assert [record["id"] for record in inputs] == [record["id"] for record in answers]
    assert len({record["id"] for record in inputs}) == len(inputs)
    for record in inputs:
        with Image.open(PAIR.inputs.parent / record["image"]) as image:
            assert max(image.size) <= 64
    notice = (PAIR.inputs.parent / "NOTICE.txt").read_text(encoding="utf-8")
    assert "Victor Zhou" in notice and "CC BY 4.0" in notice


@pytest.mark.parametrize("family", list(FOLDERS))
def test_the_shipped_weights_score_what_the_card_says(family: str) -> None:
    """Asked through transformers alone: the model's own processor, chat template and `generate`."""
    folder = FOLDERS[family]
    stated = json.loads(PAIR.scores.read_text(encoding="utf-8"))
    answers = {record["id"]: record for record in records(PAIR.answers)}
    preparation, model = Preparation.from_folder(folder), load(folder)
    right: Counter[str] = Counter()
    for record in records(PAIR.inputs):
        with Image.open(PAIR.inputs.parent / record["image"]) as image:
            inputs = preparation.prepare([image.convert("RGB")], record["prompt"])
        with torch.inference_mode():
            tokens = model.generate(**inputs, max_new_tokens=6, do_sample=False)
        said = preparation.tokenizer.decode(
            tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )
        truth = answers[record["id"]]
        right[truth["task"]] += said.strip() == truth["answer"]
    for task, count in stated["right"][family].items():
        assert abs(right[task] - count) <= 1, (task, right[task], count)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"| all | {sum(stated['right'][family].values())} | {sum(stated['asked'].values())} |" in card


def test_a_merge_has_something_to_gain_and_the_answer_is_inside(shipped: Pair = PAIR) -> None:
    """What makes the pair a *split* one, and the demo worth running."""
    scores = json.loads(shipped.scores.read_text(encoding="utf-8"))
    sweep = scores["sweeps"]["qwen2-vl <- llava-onevision"]
    right = dict(zip(sweep["alphas"], sweep["right"], strict=True))
    donor_alone = sum(scores["right"]["llava-onevision"].values())
    assert 0 < sweep["best"] < 0.6
    assert right[sweep["best"]] > max(right[0.0], donor_alone)
    assert right[sweep["selected"]] > max(right[0.0], donor_alone)
