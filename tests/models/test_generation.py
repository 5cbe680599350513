"""What any transformers model must do: caches, batches and attentions change nothing about an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

Inputs = dict[str, Tensor]
CLOSE = 2e-5


def answer(model: Any, inputs: Inputs, **settings: Any) -> Tensor:
    settings = {"max_new_tokens": 6, "do_sample": False, **settings}
    generated: Tensor = model.generate(**inputs, **settings)
    return generated[:, inputs["input_ids"].shape[1] :]


def last_logits(model: Any, inputs: Inputs) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(**inputs).logits[:, -1]
    return logits


def mixed_rows(family: str, prompt: Callable[..., Inputs]) -> list[Inputs]:
    """Prompts of different lengths with different numbers of images, the second of text alone."""
    several = 3 if family == "mplug_owl2" else 1
    return [
        prompt(family, 4, images=1, seed=1),
        prompt(family, 9, images=0, seed=2),
        prompt(family, 7, images=several, seed=3),
    ]


def test_a_cache_changes_no_answer(family: str, tiny_model: Any, prompt: Any, batch: Any) -> None:
    model, inputs = tiny_model(family), batch(*mixed_rows(family, prompt))
    assert torch.equal(answer(model, inputs), answer(model, inputs, use_cache=False))


def test_a_batch_of_unequal_prompts_answers_as_its_rows_do(
    family: str, tiny_model: Any, prompt: Any, batch: Any
) -> None:
    model, rows = tiny_model(family), mixed_rows(family, prompt)
    inputs = batch(*rows)
    alone = torch.cat([last_logits(model, row) for row in rows])
    assert (last_logits(model, inputs) - alone).abs().max() <= CLOSE
    assert torch.equal(answer(model, inputs), torch.cat([answer(model, row) for row in rows]))


def test_padding_changes_no_logits(family: str, tiny_model: Any, prompt: Any) -> None:
    model = tiny_model(family)
    plain, padded = prompt(family, 5), prompt(family, 5, padding=4)
    with torch.no_grad():
        expected = model(**plain).logits
        got = model(**padded).logits[:, 4:]
    assert (got - expected).abs().max() <= CLOSE


def test_padding_on_the_right_changes_no_logits(family: str, tiny_model: Any, prompt: Any) -> None:
    model, plain = tiny_model(family), prompt(family, 5)
    padded = {
        name: value if name == "pixel_values" else torch.nn.functional.pad(value, (0, 3))
        for name, value in plain.items()
    }
    with torch.no_grad():
        expected = model(**plain).logits
        got = model(**padded).logits[:, :-3]
    assert (got - expected).abs().max() <= CLOSE


def test_attentions_agree(family: str, tiny_model: Any, prompt: Any, batch: Any) -> None:
    inputs = batch(*mixed_rows(family, prompt))
    model = tiny_model(family)
    parts = [
        module.config
        for module in model.modules()
        if hasattr(module, "is_causal") and hasattr(module, "config")
    ]
    assert {part._attn_implementation for part in parts} == {"sdpa"}
    fused = last_logits(model, inputs)
    model.set_attn_implementation("eager")
    assert {part._attn_implementation for part in parts} == {"eager"}
    assert (last_logits(model, inputs) - fused).abs().max() <= CLOSE


def test_only_eager_attention_shows_its_weights(family: str, tiny_model: Any, prompt: Any) -> None:
    model, inputs = tiny_model(family), prompt(family, 5)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        output = model(**inputs, output_attentions=True, output_hidden_states=True)
    length = output.logits.shape[1]
    assert len(output.attentions) == 3 and len(output.hidden_states) == 4
    assert output.attentions[0].shape == (1, 6, length, length)
    assert torch.allclose(output.attentions[0].sum(dim=-1), torch.ones(1, 6, length), atol=1e-5)


@pytest.mark.parametrize("use_cache", [True, False])
def test_images_are_encoded_once_for_an_answer(
    family: str, use_cache: bool, tiny_model: Any, prompt: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, inputs = tiny_model(family), prompt(family, 5)
    expected, calls = answer(model, inputs), []
    encode = model.model.get_image_features
    monkeypatch.setattr(
        model.model,
        "get_image_features",
        lambda pixel_values, **settings: calls.append(1) or encode(pixel_values, **settings),
    )
    assert torch.equal(answer(model, inputs, use_cache=use_cache), expected)
    assert len(calls) == 1
    last_logits(model, inputs)
    assert len(calls) == 2


def test_features_made_beforehand_stand_for_the_pixels(
    family: str, tiny_model: Any, prompt: Any, batch: Any
) -> None:
    model, rows = tiny_model(family), mixed_rows(family, prompt)
    inputs = batch(*rows)
    expected = answer(model, inputs)
    with torch.no_grad():
        features = model.get_image_features(inputs.pop("pixel_values"))
    assert torch.equal(answer(model, inputs, mm_encoder_outputs={"image": features}), expected)


def test_beams_keep_each_row_s_own_images(family: str, tiny_model: Any, prompt: Any, batch: Any) -> None:
    model, rows = tiny_model(family), mixed_rows(family, prompt)
    together = answer(model, batch(*rows), num_beams=3)
    alone = torch.cat([answer(model, row, num_beams=3) for row in rows])
    assert torch.equal(together, alone)


def test_text_goes_on_from_a_cache(family: str, tiny_model: Any, prompt: Any) -> None:
    from transformers import DynamicCache

    model, inputs = tiny_model(family), prompt(family, 5)
    cache = DynamicCache(config=model.config)
    first = model.generate(**inputs, past_key_values=cache, max_new_tokens=4, do_sample=False)
    more = torch.cat([first, torch.tensor([[7, 8, 9]])], dim=1)
    longer = {**inputs, "input_ids": more, "attention_mask": torch.ones_like(more)}
    if family == "cogvlm":
        grown = more.shape[1] - inputs["token_type_ids"].shape[1]
        longer["token_type_ids"] = torch.nn.functional.pad(inputs["token_type_ids"], (0, grown))
    expected = answer(model, longer)
    del longer["pixel_values"]
    assert torch.equal(answer(model, longer, past_key_values=cache), expected)


def test_an_attention_mask_is_guessed_without_hiding_an_image(
    family: str, tiny_model: Any, prompt: Any
) -> None:
    model, inputs = tiny_model(family), prompt(family, 5)
    model.generation_config.pad_token_id = 0
    expected = answer(model, inputs)
    del inputs["attention_mask"]
    assert torch.equal(answer(model, inputs), expected)


def test_text_alone_needs_nothing_else(family: str, tiny_model: Any, prompt: Any) -> None:
    model, inputs = tiny_model(family), prompt(family, 6, images=0)
    expected = answer(model, inputs)
    assert torch.equal(answer(model, {"input_ids": inputs["input_ids"]}, pixel_values=None), expected)


def test_bfloat16_answers(family: str, tiny_model: Any, prompt: Any, batch: Any) -> None:
    model = tiny_model(family).to(torch.bfloat16)
    inputs = batch(*mixed_rows(family, prompt))
    assert answer(model, inputs).shape == (3, 6)


def test_a_static_cache_serves_cogvlm_and_is_refused_by_mplug_owl2(
    family: str, tiny_model: Any, prompt: Any
) -> None:
    model, inputs = tiny_model(family), prompt(family, 5)
    if family == "cogvlm":
        expected = answer(model, inputs)
        assert torch.equal(answer(model, inputs, cache_implementation="static"), expected)
    else:
        with pytest.raises(ValueError, match="static cache"):
            answer(model, inputs, cache_implementation="static")


def test_unfilled_and_surplus_images_are_refused(family: str, tiny_model: Any, prompt: Any) -> None:
    model, inputs = tiny_model(family), prompt(family, 5)
    pixels = inputs.pop("pixel_values")
    with pytest.raises(ValueError, match="no pixel_values"):
        model(**inputs)
    for prompts in (inputs, prompt(family, 5, images=0)):
        with pytest.raises(ValueError, match=r"3 (image\(s\)|image)"):
            model(**prompts, pixel_values=pixels.repeat(3, 1, 1, 1))


def test_mplug_owl2_refuses_token_types(tiny_model: Any, prompt: Any) -> None:
    inputs = prompt("mplug_owl2", 5)
    with pytest.raises(ValueError, match="reads no token_type_ids"):
        tiny_model("mplug_owl2")(**inputs, token_type_ids=torch.zeros_like(inputs["input_ids"]))


def test_cogvlm_refuses_to_guess_where_text_goes_on(tiny_model: Any, prompt: Any) -> None:
    model, inputs = tiny_model("cogvlm"), prompt("cogvlm", 5)
    with torch.no_grad():
        cache = model(**inputs, use_cache=True).past_key_values
        with pytest.raises(ValueError, match="token_type_ids of all 25 positions"):
            model(input_ids=torch.tensor([[5]]), past_key_values=cache)
        types = torch.nn.functional.pad(inputs["token_type_ids"], (0, 1))
        step = model(input_ids=torch.tensor([[5]]), token_type_ids=types, past_key_values=cache).logits[:, -1]
    longer = {
        **inputs,
        "input_ids": torch.cat([inputs["input_ids"], torch.tensor([[5]])], dim=1),
        "token_type_ids": types,
        "attention_mask": torch.ones_like(types),
    }
    assert (step - last_logits(model, longer)).abs().max() <= CLOSE


def test_mplug_owl2_goes_on_with_another_image(tiny_model: Any, prompt: Any) -> None:
    model = tiny_model("mplug_owl2")
    first, second = prompt("mplug_owl2", 5, seed=1), prompt("mplug_owl2", 4, seed=2)
    longer = {name: torch.cat([first[name], second[name]], dim=1) for name in ("input_ids", "attention_mask")}
    longer["pixel_values"] = torch.cat([first["pixel_values"], second["pixel_values"]])
    with torch.no_grad():
        cache = model(**first, use_cache=True).past_key_values
        step = model(**second | {"attention_mask": None}, past_key_values=cache).logits[:, -1]
    assert (step - last_logits(model, longer)).abs().max() <= CLOSE


def test_mplug_owl2_skips_the_image_of_a_row_that_shows_none(
    tiny_model: Any, prompt: Any, batch: Any
) -> None:
    """The original uses up one image a row; a batch made for it gives the same answers."""
    model = tiny_model("mplug_owl2")
    rows = [prompt("mplug_owl2", 6, images=0, seed=1), prompt("mplug_owl2", 5, seed=2)]
    inputs = batch(*rows)
    expected = last_logits(model, inputs)
    unseen = torch.randn(1, *inputs["pixel_values"].shape[1:])
    inputs["pixel_values"] = torch.cat([unseen, inputs["pixel_values"]])
    assert (last_logits(model, inputs) - expected).abs().max() <= CLOSE
