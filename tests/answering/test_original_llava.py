"""Bases that the LLaVA code base stored run in transformers' own classes, and are written as they were."""

import json
import random
import re
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import adamms
import layouts
import original_llava
import tiny_models
from adamms.answering.original_llava import OriginalLlava
from adamms.answering.preparation import Preparation
from adamms.answering.transformers_engine import open_image
from adamms.errors import SearchError
from adamms.evaluation.verification import verify
from adamms.mapping.architectures.llava_original import IGNORED, TOWER
from adamms.responses import Example, read_responses
from tiny_questions import engine

FAMILIES = tuple(original_llava.CLASSES)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    for index, size in enumerate([(16, 16), (40, 20), (20, 40), (60, 16)]):
        tiny_models.picture(*size, seed=index).save(root / f"{index}.png")
    return sorted(root.iterdir())


@pytest.fixture(scope="module", params=FAMILIES)
def stored(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    return request.param, root, original_llava.build(request.param, root)


def questions(pictures, *, count=9, seed=0):
    draw = random.Random(seed)
    return [
        Example(
            f"q{index}",
            tuple(draw.sample(pictures, draw.choice([0, 1, 1, 2]))),
            "".join(draw.choices("abcde ?", k=draw.randint(2, 40))),
        )
        for index in range(count)
    ]


def test_the_same_weights_give_the_same_logits(stored, pictures):
    _, root, model = stored
    generator = engine(root / "base")
    assert type(generator.model) is type(model)
    for example in questions(pictures):
        images = [open_image(path) for path in example.images]
        inputs = generator._preparation.prepare(images, example.prompt)
        with torch.no_grad():
            assert torch.equal(generator.model(**inputs).logits, model(**inputs).logits)


def test_answers_equal_one_by_one_generate(stored, pictures):
    _, root, model = stored
    model.generation_config.eos_token_id = list(range(3, 250, 10))
    generator = engine(root / "base")
    examples = questions(pictures, seed=1)
    generator.prepare(examples)
    assert all(prompt.batchable for prompt in generator._prompts.values())
    for row in generator._batched([generator._prompts[example.id] for example in examples]):
        example = next(each for each in examples if each.id == row.prompt.id)
        images = [open_image(path) for path in example.images]
        inputs = generator._preparation.prepare(images, example.prompt)
        ids = model.generate(**inputs, do_sample=False, max_new_tokens=8)
        assert row.tokens == ids[0, inputs["input_ids"].shape[1] :].tolist()


def test_the_conversation_is_the_family_s(stored):
    family, root, _ = stored
    preparation = Preparation.from_folder(root / "base")
    text = preparation.render(1, "What?")
    if family == "onevision":
        assert text == (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
            "<|im_start|>user\n<image>\nWhat?<|im_end|>\n<|im_start|>assistant\n"
        )
    else:
        assert text == (
            "A chat between a curious user and an artificial intelligence assistant. The assistant gives "
            "helpful, detailed, and polite answers to the user's questions. USER: <unk>\nWhat? ASSISTANT:"
        )
        assert preparation.prepare([], "What?")["input_ids"][0, 0] == 1


def test_pictures_are_padded_where_the_config_says_so(tmp_path, pictures):
    original_llava.build("llava", tmp_path)
    image = open_image(pictures[1])  # twice as wide as high
    padded = Preparation.from_folder(tmp_path / "base").prepare([image], "x")["pixel_values"]
    config = json.loads((tmp_path / "base/config.json").read_text())
    (tmp_path / "base/config.json").write_text(json.dumps(config | {"image_aspect_ratio": "square"}))
    cropped = Preparation.from_folder(tmp_path / "base").prepare([image], "x")["pixel_values"]
    assert padded.shape == cropped.shape
    assert padded[..., 0, :].std(dim=-1).max() < 1e-6 < cropped[..., 0, :].std(dim=-1).max()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([[16, 32], [48, 16]], [[32, 16], [16, 48]]),
        ("(1x1),...,(2x2)", [[16, 16], [32, 16], [16, 32], [32, 32]]),
        ("[(16, 32), (48, 16)]", [[32, 16], [16, 48]]),
        (None, None),
    ],
)
def test_pinpoints_are_turned_to_height_and_width(given, expected, tmp_path):
    original_llava.build("onevision", tmp_path)
    base = OriginalLlava.of(tmp_path / "base")
    changed = OriginalLlava(base.folder, {**base.values, "image_grid_pinpoints": given}, base.kind, "")
    assert changed.grid(16) == expected


def test_a_known_tower_inside_the_checkpoint_needs_no_other_file(tmp_path, monkeypatch):
    from adamms.answering import original_llava as module

    original_llava.build("onevision", tmp_path)
    monkeypatch.setattr(module, "TOWER_HEADS", {"some-siglip": 2})
    base = OriginalLlava.of(tmp_path / "base", vision_tower="somebody/some-siglip")
    known = base.vision_config()
    assert {name: known[name] for name in original_llava.TOWER} == original_llava.TOWER


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mm_vision_tower": "/nowhere/clip"}, "--vision-tower"),
        ({"mm_vision_tower": None}, "--vision-tower"),
        ({"mm_projector_type": "linear"}, "mm_projector_type 'linear'.*adamms select"),
        ({"mm_patch_merge_type": "spatial_unpad"}, "mm_patch_merge_type 'spatial_unpad'"),
    ],
)
def test_what_cannot_run_is_said_in_one_sentence(changes, message, tmp_path):
    original_llava.build("llava", tmp_path)
    config = json.loads((tmp_path / "base/config.json").read_text())
    (tmp_path / "base/config.json").write_text(json.dumps(config | changes))
    with pytest.raises(SearchError, match=message) as caught:
        engine(tmp_path / "base")
    assert "\n" not in str(caught.value)


def test_a_tower_of_another_kind_is_refused(tmp_path):
    original_llava.build("llava", tmp_path / "one")
    original_llava.build("onevision", tmp_path / "two")
    with pytest.raises(SearchError, match="is a siglip_vision_model"):
        engine(tmp_path / "one/base", vision_tower=str(tmp_path / "two/tower"))


def test_moving_weights_leaves_the_files_alone(stored, tmp_path):
    _, root, _ = stored
    shutil.copytree(root / "base", tmp_path / "base")
    before = (tmp_path / "base/model.safetensors").read_bytes()
    state = load_file(tmp_path / "base/model.safetensors")
    changed = [name for name in state if ".layers." in name and name.endswith("q_proj.weight")]
    generator = engine(tmp_path / "base", changed=[name for name in changed if "vision" not in name])
    generator.load_weights(0.5, lambda name: state[name] * 0.5)
    live = dict(generator.model.named_parameters())["model.language_model.layers.0.self_attn.q_proj.weight"]
    assert torch.equal(live, state["model.layers.0.self_attn.q_proj.weight"] * 0.5)
    assert (tmp_path / "base/model.safetensors").read_bytes() == before


def test_a_search_from_end_to_end(stored, tmp_path, pictures):
    _, root, _ = stored
    donor = tmp_path / "donor"
    shutil.copytree(root / "base", donor)
    state = load_file(donor / "model.safetensors")
    torch.manual_seed(9)
    moved = {
        name: value + 0.1 * torch.randn(value.shape) if "inv_freq" not in name else value
        for name, value in state.items()
    }
    save_file(moved, donor / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((root / "base/config.json").read_text())
    shutil.copytree(root / "base", tmp_path / "base")
    (tmp_path / "base/config.json").write_text(json.dumps(config | {"mm_vision_tower": "not/here"}))
    lines = [
        {"id": each.id, "image": [str(path) for path in each.images], "prompt": each.prompt}
        for each in questions(pictures, seed=3)
        if each.images
    ]
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text("\n".join(map(json.dumps, lines)))
    tower = str(root / "tower")
    result = adamms.search(
        tmp_path / "base",
        donor,
        inputs,
        tmp_path / "run",
        alphas="0:0.6:0.2",
        max_new_tokens=8,
        vision_tower=tower,
        exhaustive=True,
    )
    answers = read_responses(result.path / "responses")
    assert len({tuple(each.response for each in answered.values()) for answered in answers.values()}) > 1
    # What was written has the base's own layout, and answers as the chosen candidate did.
    assert load_file(result.merged / "model.safetensors").keys() == state.keys()
    generator = engine(result.merged, vision_tower=tower)
    generator.prepare([Example(line["id"], tuple(line["image"]), line["prompt"]) for line in lines])
    again = {each.id: each.response for each in generator.answer([line["id"] for line in lines])}
    chosen = answers[result.selection.selected]
    assert again == {id: each.response for id, each in chosen.items()}
    checks = {check.name: check.passed for check in verify(result.merged, vision_tower=tower).checks}
    assert checks == dict.fromkeys(("complete", "hashes", "finite", "parents", "answers"), True)


def test_the_tower_may_be_half_of_a_whole_clip(tmp_path, pictures):
    from transformers import CLIPConfig, CLIPModel

    model = original_llava.build("llava", tmp_path)
    text = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = model.config.vision_config.to_dict()
    whole = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=32))
    whole.vision_model.load_state_dict(model.model.vision_tower.state_dict())
    whole.save_pretrained(tmp_path / "clip")
    generator = engine(tmp_path / "base", vision_tower=str(tmp_path / "clip"))
    inputs = generator._preparation.prepare([open_image(pictures[1])], "x")
    with torch.no_grad():
        assert torch.equal(generator.model(**inputs).logits, model(**inputs).logits)


def test_the_language_config_is_taken_over(stored):
    _, root, _ = stored
    text = engine(root / "base").model.config.get_text_config()
    assert text.rope_parameters["rope_theta"] == original_llava.TEXT["rope_theta"]
    assert text.rms_norm_eps == original_llava.TEXT["rms_norm_eps"]
    assert text.num_key_value_heads == original_llava.TEXT["num_key_value_heads"]


@pytest.mark.parametrize(
    "model",
    [
        "lmms-lab/llava-onevision-qwen2-7b-ov",
        "lmms-lab/llava-onevision-qwen2-7b-si",
        "liuhaotian/llava-v1.5-7b",
        "Lin-Chen/ShareGPT4V-7B",
    ],
)
def test_every_name_of_the_published_layouts_has_its_place(model, tmp_path):
    import transformers

    folder = layouts.write_layout(tmp_path, model)
    base = OriginalLlava.of(folder)
    if "onevision" not in model:  # what the config of the tower named there says
        size = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "patch_size": 14}
        size |= {"num_attention_heads": 16, "image_size": 336, "projection_dim": 768}
        transformers.CLIPVisionConfig(**size).save_pretrained(tmp_path / "tower")
        base = OriginalLlava.of(folder, vision_tower=str(tmp_path / "tower"))
    with torch.device("meta"):
        live = getattr(transformers, base.kind.model_class)(base.config(image_token_id=0)).state_dict()
    with adamms.Checkpoint.open(folder) as checkpoint:
        given = {
            base.live_name(name): info.shape
            for name, info in checkpoint.tensors.items()
            if not re.search(IGNORED, name)
        }
    unused = ["model.image_newline"] if "onevision" not in model else []
    wanted = {
        name: tuple(value.shape)
        for name, value in live.items()
        if name not in unused and ("onevision" in model or not name.startswith(TOWER))
    }
    assert given == wanted
