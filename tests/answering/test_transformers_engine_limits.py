"""The limits of answering: memory, precision, context, and what is refused by name."""

import json
import math
import re
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import tiny_models
from adamms.answering import decoding
from adamms.answering.decoding import Row
from adamms.answering.engine import GivenAnswer
from adamms.answering.live_model import out_of_memory
from adamms.answering.transformers_engine import open_image
from adamms.errors import MachineError, SearchError
from adamms.responses.inputs import Example
from tiny_questions import OFTEN, engine, one_by_one, questions, tokens_of


def crowd(model, *, most):
    """Memory for `most` rows at a time, and no more."""

    def refuse(module, args, kwargs):
        if kwargs["input_ids"].shape[0] > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    model.register_forward_pre_hook(refuse, with_kwargs=True)


def test_out_of_memory_halves_the_batch_and_goes_on(tmp_path, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", generation=OFTEN)
    examples = questions(pictures, count=12)
    generator = engine(path, batch=8)
    generator.prepare(examples)
    expected = one_by_one(generator, examples)
    generator._pool_bytes = 0
    crowd(generator.model, most=3)
    assert tokens_of(generator, examples) == expected
    assert generator._batch_size == 2


def test_memory_for_not_even_one_question_is_the_machines_fault(tmp_path, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", generation=OFTEN)
    examples = questions(pictures, count=3)
    generator = engine(path)
    generator.prepare(examples)
    crowd(generator.model, most=0)
    with pytest.raises(MachineError, match="not enough memory to answer even one question"):
        list(generator.answer([example.id for example in examples]))


def test_images_that_do_not_fit_together_are_encoded_alone(tmp_path, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", generation=OFTEN)
    examples = [Example(path.stem, (path,), "Why?") for path in pictures]
    generator = engine(path)
    most = {"rows": 64}

    def refuse(module, args):
        if args[0].shape[0] > most["rows"]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    generator.model.base_model.visual.register_forward_pre_hook(refuse)
    generator.prepare(examples)
    assert tokens_of(generator, examples) == one_by_one(generator, examples)
    most["rows"] = 0
    with pytest.raises(MachineError, match="not enough memory to encode the images"):
        generator.prepare(examples)


def test_what_is_no_number_is_not_given_as_one(tmp_path):
    generator = engine(tiny_models.build("llama", tmp_path / "m"))
    generator.prepare([Example("q", (), "Why?")])
    row = Row(generator._prompts["q"], [70], [math.nan], math.nan)
    with pytest.raises(SearchError, match=r"NaN .* none of its tensors .* overflows in float32; try --dtype"):
        generator._response(row)
    # A candidate that overflows is judged by its answers.
    generator.load_weights(0.5, lambda name: None)
    generator._moved = True
    answer = generator._response(row)
    assert (answer.confidence, answer.entropy) == (None, None)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["visual.merger.mlp.0.weight", "model.norm.weight"])
def test_a_tensor_that_holds_no_number_is_named_at_the_first_answer(tmp_path, pictures, name, value):
    path = tiny_models.build("qwen2_vl", tmp_path / "m")
    tensors = load_file(path / "model.safetensors")
    tensors[name].reshape(-1)[3] = value
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    generator = engine(path)
    generator.prepare([Example("q", (pictures[0],), "Why?")])
    said = rf"answers with NaN instead of numbers: {re.escape(name)} of model\.safetensors holds NaN"
    with pytest.raises(SearchError, match=said):
        list(generator.answer(["q"]))
    with pytest.raises(SearchError, match=said):
        list(generator.log_probabilities({"q": [GivenAnswer("a", True)]}))


def test_token_types_that_a_model_does_not_read_are_left_out(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m", generation=OFTEN)
    config = json.loads((path / "tokenizer_config.json").read_text())
    config["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    (path / "tokenizer_config.json").write_text(json.dumps(config))
    generator = engine(path)
    assert "token_type_ids" in generator._preparation.prepare([], "Why?")
    generator.prepare([Example("q", (), "Why?")])
    assert list(generator.answer(["q"]))


def test_an_error_that_is_not_about_memory_is_not_swallowed(tmp_path, pictures, monkeypatch):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", generation=OFTEN)
    generator = engine(path)
    generator.prepare(questions(pictures, count=2))

    def fail(*_, **__):
        raise RuntimeError("something else")

    monkeypatch.setattr(decoding, "collate", fail)
    with pytest.raises(RuntimeError, match="something else"):
        list(generator.answer(["q0"]))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."), True),
        (MemoryError(), True),
        (RuntimeError("shapes differ"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, expected):
    assert out_of_memory(error) is expected


def test_a_prompt_longer_than_the_context_is_named(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m", language={"max_position_embeddings": 40})
    generator = engine(path)
    with pytest.raises(SearchError, match=r"input long .* tokens long; the model reads 40"):
        generator.prepare([Example("long", (), "why " * 20)])


def test_pictures_are_opened_upright_in_rgb(tmp_path):
    picture = tiny_models.picture(20, 10)
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=turned)
    assert open_image(tmp_path / "a.jpg").size == (10, 20)
    picture.convert("P").save(tmp_path / "b.png")
    assert open_image(tmp_path / "b.png").mode == "RGB"
    (tmp_path / "c.png").write_bytes(b"no picture")
    with pytest.raises(SearchError, match=r"c\.png cannot be read"):
        open_image(tmp_path / "c.png")


def test_a_model_that_does_not_load_is_named(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m")
    for name, value, message in [
        ("model_type", "vit", "is none that answers a question"),
        ("model_type", "nonsense", "cannot load"),
        ("hidden_size", 40, "cannot load"),
        ("vocab_size", "many", "cannot (load|be loaded)"),
    ]:
        config = json.loads((path / "config.json").read_text())
        broken = tmp_path / f"{name}-{value}"
        shutil.copytree(path, broken)
        (broken / "config.json").write_text(json.dumps(config | {name: value}))
        with pytest.raises(SearchError, match=message):
            engine(broken)


def test_missing_weights_are_named(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m")
    state = load_file(path / "model.safetensors")
    del state["model.layers.1.mlp.up_proj.weight"]
    save_file(state, path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SearchError, match=r"lacks 1 weights .* model\.layers\.1\.mlp\.up_proj\.weight"):
        engine(path)


def test_a_merged_tensor_the_model_does_not_use_is_named(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m")
    with pytest.raises(
        SearchError, match=r"does not use 1 of the merged tensors, the first is foreign\.weight"
    ):
        engine(path, changed=["foreign.weight"])


def test_an_unknown_device_is_named(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m")
    for device in ("abacus", "meta"):
        with pytest.raises(SearchError, match=f"The device '{device}' cannot be used"):
            engine(path, device=device)


def test_lower_precision_on_request(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m", dtype="bfloat16", generation=OFTEN)
    assert engine(path).model.dtype == torch.float32
    assert engine(path, dtype="bfloat16").model.dtype == torch.bfloat16
