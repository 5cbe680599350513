"""Pictures and prompts as the original code makes them, rows and folders as transformers has them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoImageProcessor, AutoProcessor, CLIPImageProcessor

from adamms.models import (
    CogVLMImageProcessor,
    CogVLMProcessor,
    MPLUGOwl2ImageProcessor,
    MPLUGOwl2Processor,
    native_processor,
)

SIDE = 56
BLOCK = (SIDE // 14) ** 2 + 2
Make = Callable[..., Any]


@pytest.fixture
def processor(toy_tokenizer: Make) -> Make:
    def make(family: str, **settings: Any) -> Any:
        if family == "cogvlm":
            images = CogVLMImageProcessor(size={"height": SIDE, "width": SIDE})
            return CogVLMProcessor(images, toy_tokenizer(), **settings)
        square = {"shortest_edge": SIDE}
        images = MPLUGOwl2ImageProcessor(size=square, crop_size={"height": SIDE, "width": SIDE})
        return MPLUGOwl2Processor(images, toy_tokenizer(), **settings)

    return make


PILLOW = int(PIL.__version__.split(".")[0])


def question(text: str, *, images: int = 1) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image"}] * images + [{"type": "text", "text": text}]}]


def with_answer(text: str, answer: str, follow_up: str, *, images: int = 1) -> list[dict[str, Any]]:
    return [
        *question(text, images=images),
        {"role": "assistant", "content": answer},
        {"role": "user", "content": follow_up},
    ]


@pytest.mark.parametrize("place", [0, 1])
def test_cogvlm_s_pictures_are_the_original_s_bit_for_bit(
    place: int, golden_folder: Callable[[str], Path], golden_picture: Make, processor: Make
) -> None:
    folder, image = golden_folder("cogvlm"), golden_picture("cogvlm", place)
    expected = load_file(folder / "preprocess_expected.safetensors")[f"pixel_values_{place}"]
    make = processor("cogvlm")
    values = make(images=image, text="x", return_tensors="pt")["pixel_values"]
    if PILLOW < 13:  # enlarges a narrow picture otherwise; the goldens are Pillow 13's
        expected = _resized(image, make.image_processor, side=expected.shape[-1])
    assert torch.equal(values[0], expected)


def _resized(image: Image.Image, settings: Any, *, side: int) -> torch.Tensor:
    """A picture as the original's torchvision makes it of what Pillow resizes."""
    pixels = np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)
    mean, std = (np.array(values, dtype=np.float32) for values in (settings.image_mean, settings.image_std))
    return torch.from_numpy(((pixels / 255 - mean) / std).transpose(2, 0, 1).copy())


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("path", ["resize", "pad", "plain"])
def test_mplug_owl2_s_pictures_are_the_original_s_bit_for_bit(
    place: int, path: str, golden_folder: Callable[[str], Path], golden_picture: Make, processor: Make
) -> None:
    folder, image = golden_folder("mplug_owl2"), golden_picture("mplug_owl2", place)
    expected = load_file(folder / "preprocess_expected.safetensors")[f"{path}_{place}"]
    make = processor("mplug_owl2")
    values = make(images=image, text="<|image|>", return_tensors="pt", image_aspect_ratio=path)
    assert torch.equal(values["pixel_values"][0], expected)
    if path == "resize":  # as the official evaluation does
        assert torch.equal(make.image_processor(image, return_tensors="pt")["pixel_values"][0], expected)


def test_any_kind_of_picture_is_read(family: str, picture: Image.Image, processor: Make) -> None:
    images = processor(family).image_processor
    plain = images(picture, return_tensors="pt")["pixel_values"]
    assert torch.equal(images(np.array(picture), return_tensors="pt")["pixel_values"], plain)
    opaque = images(picture.convert("RGBA"), return_tensors="pt")["pixel_values"]
    assert torch.equal(opaque, plain)
    assert images(picture.convert("L"), return_tensors="pt")["pixel_values"].shape == plain.shape


def test_mplug_owl2_s_prompts_are_tokenised_piece_by_piece(
    golden_folder: Callable[[str], Path], picture: Image.Image, processor: Make
) -> None:
    cases = json.loads((golden_folder("mplug_owl2") / "prompt_tokenization.json").read_text())["cases"]
    make = processor("mplug_owl2")
    for text, expected in cases.items():
        count = text.count("<|image|>")
        assert make(images=[picture] * count or None, text=text)["input_ids"] == [expected], text


def test_cogvlm_s_image_stands_between_the_beginning_and_the_text(
    picture: Image.Image, processor: Make
) -> None:
    inputs = processor("cogvlm")(images=picture, text="Hi", return_tensors="pt")
    text = [10 + ord(letter) % 90 for letter in "Hi"]
    assert inputs["input_ids"].tolist() == [[1, *[0] * BLOCK, *text]]
    assert inputs["token_type_ids"].tolist() == [[0, *[1] * BLOCK, 0, 0]]
    assert inputs["attention_mask"].tolist() == [[1] * (BLOCK + 3)]
    assert inputs["pixel_values"].shape == (1, 3, SIDE, SIDE)
    assert list(inputs) == ["input_ids", "token_type_ids", "attention_mask", "pixel_values"]


@pytest.mark.parametrize(
    ("version", "one", "two"),
    [
        ("chat", "Question: Why? Answer:", "Question: Why? Answer: So.\nQuestion: And? Answer:"),
        (
            "vqa",
            "Question: Why? Short answer:",
            "Question: Why? Short answer: So.\nQuestion: And? Short answer:",
        ),
        ("base", "Why?", "And?"),
    ],
)
def test_cogvlm_s_templates(version: str, one: str, two: str, processor: Make) -> None:
    chat, own = processor("cogvlm"), processor("cogvlm", template_version=version)
    for count in (0, 1):
        single, several = question("Why?", images=count), with_answer("Why?", "So.", "And?", images=count)
        for settings in ({"add_generation_prompt": True}, {}):
            assert own.apply_chat_template(single, **settings) == one
            assert chat.apply_chat_template(several, template_version=version, **settings) == two


def test_mplug_owl2_s_template(processor: Make) -> None:
    render = processor("mplug_owl2").apply_chat_template
    assert render(question("Why?"), add_generation_prompt=True) == "USER: <|image|>Why? ASSISTANT:"
    assert render(question("Why?", images=0), add_generation_prompt=True) == "USER: Why? ASSISTANT:"
    assert render(question("Why?", images=2), add_generation_prompt=True) == (
        "USER: <|image|><|image|>Why? ASSISTANT:"
    )
    assert render(with_answer("Why?", "So.", "And?"), add_generation_prompt=True) == (
        "USER: <|image|>Why? ASSISTANT: So.</s>USER: And? ASSISTANT:"
    )


def test_a_system_turn_is_refused(family: str, processor: Make) -> None:
    with pytest.raises(Exception, match="knows turns of user and assistant, no system"):
        processor(family).apply_chat_template([{"role": "system", "content": "Be brief."}])


def test_a_conversation_with_its_picture_becomes_inputs(
    family: str, picture: Image.Image, processor: Make
) -> None:
    make = processor(family)
    messages = question("Why?")
    messages[0]["content"][0] = {"type": "image", "image": picture}
    text = make.apply_chat_template(messages, add_generation_prompt=True)
    expected = make(images=picture, text=text, return_tensors="pt")
    got = make.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_a_batch_is_padded_on_the_left_and_each_row_keeps_its_images(
    family: str, picture: Image.Image, processor: Make
) -> None:
    make = processor(family)
    mark = "<|image|>" if family == "mplug_owl2" else ""
    inputs = make(images=[[picture], []], text=[mark + "a", "bcd"], return_tensors="pt")
    short = make(images=picture, text=mark + "a")["input_ids"][0]
    plain = make(text="bcd")["input_ids"][0]
    longest = max(len(short), len(plain))
    for row, ids in enumerate((short, plain)):
        gap = longest - len(ids)
        assert inputs["input_ids"][row].tolist() == [0] * gap + ids
        assert inputs["attention_mask"][row].tolist() == [0] * gap + [1] * len(ids)
    assert inputs["pixel_values"].shape[0] == 1
    assert make(images=[picture, picture], text=[mark + "a", mark + "b"], return_tensors="pt")[
        "pixel_values"
    ].shape == (2, 3, SIDE, SIDE)


def test_what_does_not_fit_is_refused(family: str, picture: Image.Image, processor: Make) -> None:
    make = processor(family)
    with pytest.raises(ValueError, match="There are 2 prompts and images for 1"):
        make(images=[[picture]], text=["a", "b"])
    with pytest.raises(ValueError, match="no videos"):
        make(text="a", videos=[picture])
    with pytest.raises(TypeError, match="knows no setting 'truncation'"):
        make(text="a", truncation=True)


def test_each_family_counts_its_images(picture: Image.Image, processor: Make) -> None:
    with pytest.raises(ValueError, match="one image a conversation, not 2"):
        processor("cogvlm")(images=[picture, picture], text="a")
    for text, images in (("a", picture), ("<|image|>a", None), ("<|image|>a", [picture, picture])):
        with pytest.raises(ValueError, match=r"write one where each image goes"):
            processor("mplug_owl2")(images=images, text=text)
    with pytest.raises(ValueError, match="one of resize, pad, plain, not by 'stretch'"):
        processor("mplug_owl2").image_processor(picture, image_aspect_ratio="stretch")
    with pytest.raises(ValueError, match="has no prompt template 'poem'"):
        processor("cogvlm", template_version="poem")


def test_a_prompt_whose_template_begins_it_gets_no_second_beginning(family: str, processor: Make) -> None:
    ids = processor(family)(text="ab", add_special_tokens=False)["input_ids"][0]
    assert len(ids) == 2


def test_generated_prompts_decode(picture: Image.Image, processor: Make) -> None:
    make = processor("mplug_owl2")
    ids = make(images=picture, text="<|image|>a", return_tensors="pt")["input_ids"]
    plain = [value for value in ids[0].tolist() if value >= 0]
    assert make.batch_decode(ids) == [make.tokenizer.decode(plain)]
    assert make.decode(ids[0]) == make.tokenizer.decode(plain)


def test_a_processor_survives_a_round_trip(
    family: str, picture: Image.Image, processor: Make, tiny_config: Make, tmp_path: Path
) -> None:
    own = {"patch_size": 7, "template_version": "vqa"} if family == "cogvlm" else {"image_token_index": -7}
    make = processor(family, **own)
    make.save_pretrained(tmp_path)
    tiny_config(family).save_pretrained(tmp_path)
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert type(loaded) is type(make)
    assert type(AutoImageProcessor.from_pretrained(tmp_path)) is type(make.image_processor)
    assert loaded.to_dict() == make.to_dict()
    assert loaded.chat_template == make.chat_template == (tmp_path / "chat_template.jinja").read_text()
    text = make.apply_chat_template(question("Why?"), add_generation_prompt=True)
    expected, got = (each(images=picture, text=text, return_tensors="pt") for each in (make, loaded))
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_the_official_folders_make_up_for_their_missing_files(
    picture: Image.Image, processor: Make, toy_tokenizer: Make, golden_folder: Any, tmp_path: Path
) -> None:
    """CogVLM comes without any processor file: its config says it all, but the tokenizer."""
    config = json.loads((golden_folder("cogvlm") / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "template_version": "vqa"}))
    with pytest.raises(OSError, match=r"no tokenizer that loads.*vicuna-7b-v1.5"):
        native_processor(tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    made = native_processor(tmp_path)
    assert made.apply_chat_template(question("Why?")) == "Question: Why? Short answer:"
    expected, got = (
        each(images=picture, text="a", return_tensors="pt") for each in (processor("cogvlm"), made)
    )
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_the_official_mplug_owl2_names_clip_s_image_processor(
    picture: Image.Image, processor: Make, toy_tokenizer: Make, golden_folder: Any, tmp_path: Path
) -> None:
    shutil.copy(golden_folder("mplug_owl2") / "config.json", tmp_path)
    toy_tokenizer().save_pretrained(tmp_path)
    make = processor("mplug_owl2")
    expected = make(images=picture, text="<|image|>", return_tensors="pt")["pixel_values"]
    assert torch.equal(
        native_processor(tmp_path)(images=picture, text="<|image|>", return_tensors="pt")["pixel_values"],
        expected,
    )
    clip = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    clip.save_pretrained(tmp_path)
    for made in (
        native_processor(tmp_path),
        AutoProcessor.from_pretrained(tmp_path),
        MPLUGOwl2Processor(clip, toy_tokenizer()),
    ):
        assert type(made.image_processor) is MPLUGOwl2ImageProcessor
        got = made(images=picture, text="<|image|>", return_tensors="pt")["pixel_values"]
        assert torch.equal(got, expected)


def test_another_architecture_s_processor_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    assert native_processor(tmp_path) is None


def test_processor_and_model_fit_each_other(
    family: str, picture: Image.Image, processor: Make, golden_model: Make
) -> None:
    make, model = processor(family), golden_model(family)
    text = make.apply_chat_template(question("Why?"), add_generation_prompt=True)
    inputs = make(images=picture, text=text, return_tensors="pt")
    answer = model.generate(**inputs, max_new_tokens=3, do_sample=False)
    assert answer.shape[1] > inputs["input_ids"].shape[1]
