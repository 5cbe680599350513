"""Both architectures against their original code, at the tolerances of the golden data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from adamms.models.cogvlm.token_types import position_ids, vision_positions

ATTENTIONS = ("eager", "sdpa")


def logits_tolerance(family: str, inputs: dict[str, Tensor]) -> float:
    if family == "mplug_owl2":
        return 1e-4
    return 2e-4 if "pixel_values" in inputs else 5e-5


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_a_forward_pass_is_the_original_s(
    golden_case: tuple[str, str], attention: str, golden: Callable[..., Any], golden_model: Callable[..., Any]
) -> None:
    family, _ = golden_case
    inputs, expected = golden(*golden_case)
    with torch.no_grad():
        output = golden_model(family, attention)(**inputs, output_hidden_states=True)

    tolerance = logits_tolerance(family, inputs)
    # The goldens of mPLUG-Owl2 hold no padding; their logits are longer than the ids.
    real = inputs["attention_mask"].bool() if family == "cogvlm" else ...
    assert (output.logits - expected["logits"])[real].abs().max() <= tolerance
    for index, states in enumerate(output.hidden_states):
        assert (states - expected[f"hidden_states.{index}"])[real].abs().max() <= tolerance


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_image_features_are_the_original_s(
    image_case: tuple[str, str], attention: str, golden: Callable[..., Any], golden_model: Callable[..., Any]
) -> None:
    family, _ = image_case
    inputs, expected = golden(*image_case)
    with torch.no_grad():
        features = golden_model(family, attention).get_image_features(inputs["pixel_values"])

    tower, tolerance = (
        ("vision_encoder_output", 1e-4) if family == "cogvlm" else ("vision_last_hidden_state", 2e-5)
    )
    assert (features.pooler_output - expected["image_features"]).abs().max() <= tolerance
    assert (features.last_hidden_state - expected[tower]).abs().max() <= tolerance


@pytest.mark.parametrize("use_cache", [True, False])
def test_greedy_answers_are_the_original_s(
    golden_case: tuple[str, str],
    use_cache: bool,
    golden: Callable[..., Any],
    golden_model: Callable[..., Any],
) -> None:
    family, _ = golden_case
    inputs, expected = golden(*golden_case)
    answer = golden_model(family).generate(
        **inputs,
        max_new_tokens=8,
        do_sample=False,
        eos_token_id=None,
        use_cache=use_cache,
        return_dict_in_generate=True,
        output_logits=True,
    )
    assert torch.equal(answer.sequences[:, inputs["input_ids"].shape[1] :], expected["greedy_tokens"])
    steps = torch.stack(answer.logits, dim=1)
    assert (steps - expected["greedy_step_logits"]).abs().max() <= logits_tolerance(family, inputs)


@pytest.mark.parametrize("case", ["single_image", "text_only", "batch_left_padded"])
def test_cogvlm_s_positions_and_experts_follow_from_the_token_types(
    case: str, golden: Callable[..., Any]
) -> None:
    inputs, expected = golden("cogvlm", case)
    types = inputs["token_type_ids"]
    assert torch.equal(position_ids(types, inputs["attention_mask"]), expected["position_ids"])
    assert torch.equal(vision_positions(types), expected["vision_expert_mask"].bool())


@pytest.mark.parametrize("case", ["single_image", "two_images", "batch_two"])
def test_mplug_owl2_s_placeholders_grow_in_place(
    case: str, golden: Callable[..., Any], golden_model: Callable[..., Any]
) -> None:
    inputs, expected = golden("mplug_owl2", case)
    model = golden_model("mplug_owl2").model
    layout = model.lay_out(inputs["input_ids"])
    assert torch.equal(layout.image, expected["modality_indicators"].bool())
    assert not layout.filler.any()
