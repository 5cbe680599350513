"""Both architectures learn: gradients reach every weight, and labels mean what they mean in transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

NO_LABEL = -100


def test_gradients_reach_every_parameter(
    family: str, tiny_model: Callable[..., Any], prompt: Callable[..., Any]
) -> None:
    model, inputs = tiny_model(family).train(), prompt(family, 6)
    # Of all logits: in the last layer, the visual expert's output reaches those of image positions only.
    model(**inputs).logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all() and parameter.grad.abs().max() > 0, name


def test_text_alone_leaves_the_duplicates_alone(
    family: str, tiny_model: Callable[..., Any], prompt: Callable[..., Any]
) -> None:
    model, inputs = tiny_model(family).train(), prompt(family, 6, images=0)
    model(**inputs, labels=inputs["input_ids"]).loss.backward()
    duplicates = ("vision", "visual", "multiway.1")
    for name, parameter in model.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.abs().max() > 0)
        assert moved != any(part in name for part in duplicates), name


def test_the_loss_is_the_mean_over_labelled_text(
    family: str, tiny_model: Callable[..., Any], prompt: Callable[..., Any], batch: Callable[..., Any]
) -> None:
    """Labels are given one an input id; image vectors, padding and -100 teach nothing."""
    model = tiny_model(family)
    rows = [prompt(family, 6, seed=1), prompt(family, 4, images=0, seed=2)]
    inputs = batch(*rows)
    keep = inputs["attention_mask"].bool() & (inputs["input_ids"] > 2)
    labels = inputs["input_ids"].masked_fill(~keep, NO_LABEL)
    with torch.no_grad():
        loss = model(**inputs, labels=labels).loss
        total, count = torch.tensor(0.0), 0
        for row in rows:
            logits = model(**row).logits[0]
            ids = row["input_ids"][0]
            words = 5 if row is rows[0] and family == "mplug_owl2" else int((ids > 2).sum())
            answers = ids[-words:]
            guesses = logits[-words - 1 : -1].log_softmax(dim=-1)
            total -= guesses[torch.arange(words), answers].sum()
            count += words
            if row is rows[0] and family == "mplug_owl2":  # the word before the image
                total -= logits[0].log_softmax(dim=-1)[ids[1]]
                count += 1
    assert torch.allclose(loss, total / count, atol=1e-5)


def test_checkpointed_gradients_are_the_same(
    family: str, tiny_model: Callable[..., Any], prompt: Callable[..., Any]
) -> None:
    inputs = prompt(family, 6)

    def gradients(model: Any) -> dict[str, torch.Tensor]:
        model.train()(**inputs, labels=inputs["input_ids"].clamp(min=0), use_cache=False).loss.backward()
        return {name: parameter.grad for name, parameter in model.named_parameters()}

    plain, checkpointed = tiny_model(family), tiny_model(family)
    checkpointed.gradient_checkpointing_enable({"use_reentrant": False})
    expected, got = gradients(plain), gradients(checkpointed)
    assert all(torch.allclose(expected[name], got[name], atol=1e-6) for name in expected)


def test_fresh_weights_are_small_and_finite(family: str, tiny_config: Callable[..., Any]) -> None:
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(tiny_config(family))
    for name, parameter in model.named_parameters():
        assert parameter.isfinite().all(), name
        if not name.endswith("bias"):
            assert parameter.abs().max() > 0, name
        if "norm" not in name and "ffn_ln" not in name:
            assert parameter.abs().max() < 0.2, name
