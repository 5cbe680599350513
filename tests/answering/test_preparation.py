"""Questions are prepared as each family's own processor does, without torchvision."""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image

import tiny_models
from adamms.answering.preparation import Preparation
from adamms.answering.processor import StandIn
from adamms.errors import SearchError

SEEING = [family for family in tiny_models.FAMILIES if family not in ("qwen2", "llama")]
SIZES = [(16, 16), (40, 20), (20, 44)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")

    def get(family: str) -> Path:
        path = root / family
        return path if path.exists() else tiny_models.build(family, path)

    return get


@pytest.mark.parametrize("family", SEEING)
def test_as_many_image_tokens_as_the_model_makes_features(family, folder):
    from transformers import AutoModelForImageTextToText

    path = folder(family)
    preparation = Preparation.from_folder(path)
    model = AutoModelForImageTextToText.from_pretrained(path).eval()
    for images in ([SIZES[0]], [SIZES[1]], [SIZES[2]], [SIZES[0], SIZES[1]]):
        pictures = [tiny_models.picture(*size, seed=index) for index, size in enumerate(images)]
        inputs = preparation.prepare(pictures, "What is it?")
        tokens = int((inputs["input_ids"] == model.config.image_token_id).sum())
        rows = {name: inputs[name] for name in inputs if name not in ("input_ids", "attention_mask")}
        rows = {name: value for name, value in rows.items() if not name.endswith("token_type_ids")}
        with torch.no_grad():
            features = model.base_model.get_image_features(**rows, return_dict=True).pooler_output
        assert tokens == sum(part.reshape(-1, part.shape[-1]).shape[0] for part in features)


def test_qwen2_vl_writes_the_documented_text(folder):
    preparation = Preparation.from_folder(folder("qwen2_vl"))
    inputs = preparation.prepare([tiny_models.picture(40, 20)], "Why?")
    _, height, width = inputs["image_grid_thw"][0].tolist()
    pads = "<|image_pad|>" * (height * width // 4)
    expected = (
        f"<|im_start|>user\n<|vision_start|>{pads}<|vision_end|>Why?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert preparation.tokenizer.decode(inputs["input_ids"][0]) == expected
    assert inputs["mm_token_type_ids"].sum() == height * width // 4
    assert inputs["pixel_values"].shape == (height * width, 3 * 2 * 4 * 4)


def test_llava_onevision_counts_base_picture_tiles_and_newlines(folder):
    preparation = Preparation.from_folder(folder("llava_onevision"))
    # A 2:1 picture: the base view of 4x4 cells, then 4x8 cells of two tiles and a newline a row.
    inputs = preparation.prepare([tiny_models.picture(32, 16)], "Why?")
    image = preparation.tokenizer.convert_tokens_to_ids(tiny_models.IMAGE)
    assert int((inputs["input_ids"] == image).sum()) == 16 + 4 * 8 + 4
    # Several pictures: the base view of each and one newline.
    inputs = preparation.prepare([tiny_models.picture(32, 16)] * 2, "Why?")
    assert int((inputs["input_ids"] == image).sum()) == 2 * (16 + 1)


def test_the_video_processor_is_a_stand_in(folder):
    preparation = Preparation.from_folder(folder("qwen2_vl"))
    assert isinstance(preparation.processor.video_processor, StandIn)
    assert type(preparation.processor).__name__ == "Qwen2VLProcessor"


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_pictures_of_any_mode(mode, folder):
    preparation = Preparation.from_folder(folder("llava"))
    inputs = preparation.prepare([tiny_models.picture(20, 20).convert(mode)], "Why?")
    assert inputs["pixel_values"].shape == (1, 3, 16, 16)
    assert torch.isfinite(inputs["pixel_values"]).all()


def test_a_question_without_a_picture(folder):
    inputs = Preparation.from_folder(folder("qwen2_vl")).prepare([], "Why?")
    assert "pixel_values" not in inputs
    assert inputs["input_ids"].shape[0] == 1


def test_a_language_model_reads_text_only(folder):
    preparation = Preparation.from_folder(folder("llama"))
    text = preparation.tokenizer.decode(preparation.prepare([], "Why?")["input_ids"][0])
    assert text == "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    with pytest.raises(SearchError, match="sees no images"):
        preparation.prepare([tiny_models.picture(16, 16)], "Why?")


def test_a_template_that_writes_the_first_token_gets_no_second(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m")
    config = json.loads((path / "tokenizer_config.json").read_text())
    (path / "tokenizer_config.json").write_text(json.dumps(config | {"bos_token": tiny_models.PAD}))
    tokenizer = json.loads((path / "tokenizer.json").read_text())
    number = next(token["id"] for token in tokenizer["added_tokens"] if token["content"] == tiny_models.PAD)
    first = {"SpecialToken": {"id": tiny_models.PAD, "type_id": 0}}
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [first, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [first, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {
            tiny_models.PAD: {"id": tiny_models.PAD, "ids": [number], "tokens": [tiny_models.PAD]}
        },
    }
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    plain = Preparation.from_folder(path).prepare([], "Why?")["input_ids"][0].tolist()
    template = (path / "chat_template.jinja").read_text()
    (path / "chat_template.jinja").write_text("{{ bos_token }}" + template)
    written = Preparation.from_folder(path).prepare([], "Why?")["input_ids"][0].tolist()
    assert plain.count(number) == 1
    assert written == plain


def test_without_a_chat_template_the_prompt_is_taken_as_it_stands(tmp_path):
    path = tiny_models.build("llava", tmp_path / "m")
    (path / "chat_template.jinja").unlink()
    preparation = Preparation.from_folder(path)
    picture = tiny_models.picture(16, 16)
    with pytest.raises(SearchError, match=r"no chat template: write <\|image_pad\|> into each prompt"):
        preparation.prepare([picture], f"{tiny_models.IMAGE} or {tiny_models.IMAGE}?")
    assert preparation.render(2, "Why?") == f"{tiny_models.IMAGE * 2}\nWhy?"
    inputs = preparation.prepare([picture], f"USER: {tiny_models.IMAGE} Why? ASSISTANT:")
    text = preparation.tokenizer.decode(inputs["input_ids"][0])
    assert text == f"USER: {tiny_models.IMAGE * 16} Why? ASSISTANT:"


def test_a_prompt_of_no_token_is_named(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0, "red": 1}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>").save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    preparation = Preparation.from_folder(tmp_path)
    assert preparation.prepare([], "red")["input_ids"].tolist() == [[1]]
    with pytest.raises(SearchError, match=r"makes no token of the prompt '  '; correct the prompt"):
        preparation.prepare([], "  ")


def test_a_prompt_that_holds_image_tokens_of_its_own_is_refused(folder):
    preparation = Preparation.from_folder(folder("qwen2_vl"))
    with pytest.raises(SearchError, match=r"refuses the prompt .*1 image"):
        preparation.prepare([tiny_models.picture(16, 16)], f"Why {tiny_models.IMAGE}?")


def test_a_broken_chat_template_is_named(tmp_path):
    path = tiny_models.build("llava", tmp_path / "m")
    (path / "chat_template.jinja").write_text("{{ raise_exception('no users here') }}")
    with pytest.raises(SearchError, match=r"chat template of .* fails: no users here"):
        Preparation.from_folder(path).prepare([], "Why?")


def test_a_folder_without_a_processor_is_named(tmp_path):
    path = tiny_models.build("qwen2_vl", tmp_path / "m")
    (path / "preprocessor_config.json").unlink()
    with pytest.raises(SearchError, match=f"The processor of {path} cannot be loaded"):
        Preparation.from_folder(path)


def test_code_in_the_folder_runs_only_if_it_is_trusted(tmp_path):
    path = tiny_models.build("qwen2", tmp_path / "m")
    (path / "processor_config.json").write_text(
        json.dumps({"auto_map": {"AutoProcessor": "own.OwnProcessor"}})
    )
    (path / "own.py").write_text("raise SystemExit('ran')")
    config = json.loads((path / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}}
    (path / "config.json").write_text(json.dumps(config))
    with pytest.raises(SearchError, match="pass --trust-remote-code"):
        Preparation.from_folder(path)


def test_an_image_processor_that_does_not_convert_gets_rgb(tmp_path):
    path = tiny_models.build("llava", tmp_path / "m")
    config = json.loads((path / "preprocessor_config.json").read_text())
    (path / "preprocessor_config.json").write_text(json.dumps(config | {"do_convert_rgb": False}))
    grey = Image.new("L", (16, 16), 100)
    inputs = Preparation.from_folder(path).prepare([grey], "Why?")
    assert inputs["pixel_values"].shape == (1, 3, 16, 16)
