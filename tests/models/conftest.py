"""Tiny models of both architectures, their golden data from the original code, and a toy tokenizer.

`golden("cogvlm", "single_image")` gives the inputs and outputs of a case; `golden_model` the model that made
them; `tiny_model` one of other shapes with random weights, wide enough for answers to vary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from adamms.models import (
    CogVLMConfig,
    CogVLMForCausalLM,
    MPLUGOwl2Config,
    MPLUGOwl2LlamaForCausalLM,
)

GOLDEN = Path(__file__).parent.parent / "data" / "golden"
FAMILIES = ("cogvlm", "mplug_owl2")
CASES = {
    "cogvlm": ("single_image", "text_only", "batch_left_padded"),
    "mplug_owl2": ("single_image", "two_images", "text_only", "batch_two"),
}
CLASSES = {"cogvlm": CogVLMForCausalLM, "mplug_owl2": MPLUGOwl2LlamaForCausalLM}
LANGUAGE = {
    "vocab_size": 120,
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "max_position_embeddings": 256,
}
IMAGE_SIZE, PATCH = 28, 7


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of a `family` runs for both, one of a `golden_case` or an `image_case` for theirs of both."""
    cases = [(family, case) for family in FAMILIES for case in CASES[family]]
    if "golden_case" in metafunc.fixturenames:
        metafunc.parametrize("golden_case", cases, ids=["-".join(case) for case in cases])
    elif "image_case" in metafunc.fixturenames:
        shown = [case for case in cases if case[1] != "text_only"]
        metafunc.parametrize("image_case", shown, ids=["-".join(case) for case in shown])
    elif "family" in metafunc.fixturenames:
        metafunc.parametrize("family", FAMILIES)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small only wait for each other's threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def golden() -> Callable[[str, str], tuple[dict[str, Tensor], dict[str, Tensor]]]:
    def read(family: str, case: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        inputs = load_file(GOLDEN / family / f"inputs_{case}.safetensors")
        if "images" in inputs:
            inputs["pixel_values"] = inputs.pop("images")
        return inputs, load_file(GOLDEN / family / f"outputs_{case}.safetensors")

    return read


@pytest.fixture(scope="session")
def golden_folder() -> Callable[[str], Path]:
    return lambda family: GOLDEN / family


@pytest.fixture(scope="session")
def golden_model() -> Callable[..., Any]:
    def load(family: str, attention: str = "sdpa") -> Any:
        return CLASSES[family].from_pretrained(GOLDEN / family, attn_implementation=attention).eval()

    return load


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., Any]:
    def make(family: str, **changes: Any) -> Any:
        if family == "cogvlm":
            vision = {
                "hidden_size": 24,
                "intermediate_size": 40,
                "num_hidden_layers": 2,
                "num_heads": 3,
                "image_size": IMAGE_SIZE,
                "patch_size": PATCH,
                "num_positions": (IMAGE_SIZE // PATCH) ** 2 + 1,
            }
            return CogVLMConfig(**{**LANGUAGE, "vision_config": vision, **changes})
        visual = {
            "visual_model": {
                "hidden_size": 24,
                "intermediate_size": 40,
                "num_hidden_layers": 2,
                "num_attention_heads": 3,
                "image_size": IMAGE_SIZE,
                "patch_size": PATCH,
            },
            "visual_abstractor": {
                "hidden_size": 24,
                "encoder_hidden_size": 24,
                "intermediate_size": 40,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_learnable_queries": 5,
                "grid_size": IMAGE_SIZE // PATCH,
            },
        }
        return MPLUGOwl2Config(**{**LANGUAGE, "visual_config": visual, **changes})

    return make


@pytest.fixture(scope="session")
def tiny_model(tiny_config: Callable[..., Any]) -> Callable[..., Any]:
    def make(family: str, *, seed: int = 0, **changes: Any) -> Any:
        torch.manual_seed(seed)
        model = CLASSES[family](tiny_config(family, **changes)).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if "norm" in name or "ffn_ln" in name:
                    parameter.uniform_(0.5, 1.5) if name.endswith("weight") else parameter.normal_(0.0, 0.2)
                elif parameter.dim() > 1:
                    parameter.normal_(0.0, 1.5 * parameter.shape[-1] ** -0.5 if parameter.dim() == 2 else 0.3)
                else:
                    parameter.normal_(0.0, 0.2)
        model.generation_config.eos_token_id = None  # answers of one length compare best
        return model

    return make


@pytest.fixture(scope="session")
def prompt() -> Callable[..., dict[str, Tensor]]:
    """One row of inputs for a tiny model: `prompt(family, words, images=1, seed=0, padding=0)`."""

    def make(
        family: str, words: int, *, images: int = 1, seed: int = 0, padding: int = 0
    ) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        text = torch.randint(3, 120, (words,), generator=generator).tolist()
        if family == "cogvlm":
            block = ((IMAGE_SIZE // PATCH) ** 2 + 2) * images
            ids, types = [1] + [0] * block + text, [0] + [1] * block + [0] * words
        else:
            ids = [1, text[0], *([-200] * min(images, 2)), *text[1:], *([-200] * (images - 2))]
            types = []
        row = {"input_ids": [0] * padding + ids, "attention_mask": [0] * padding + [1] * len(ids)}
        if types:
            row["token_type_ids"] = [0] * padding + types
        inputs = {name: torch.tensor([values]) for name, values in row.items()}
        if images:
            inputs["pixel_values"] = torch.randn(images, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator)
        return inputs

    return make


@pytest.fixture(scope="session")
def batch() -> Callable[..., dict[str, Tensor]]:
    """Rows of `prompt` as one batch, padded on the left."""

    def join(*rows: dict[str, Tensor]) -> dict[str, Tensor]:
        longest = max(row["input_ids"].shape[1] for row in rows)
        joined = {
            name: torch.cat(
                [torch.nn.functional.pad(row[name], (longest - row[name].shape[1], 0)) for row in rows]
            )
            for name in rows[0]
            if name != "pixel_values"
        }
        pixels = [row["pixel_values"] for row in rows if "pixel_values" in row]
        return {**joined, "pixel_values": torch.cat(pixels)} if pixels else joined

    return join


@pytest.fixture(scope="session")
def toy_tokenizer() -> Callable[[], Any]:
    """One token a character, 10 + ord % 90, as the golden prompts were tokenised; BOS is 1."""

    def make() -> Any:
        from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        rows = {chr(code): 10 + code % 90 for code in range(32, 122)}
        backend = Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2, **rows}, unk_token="<unk>"))
        backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
        backend.add_special_tokens([AddedToken(token, special=True) for token in ("<unk>", "<s>", "</s>")])
        return PreTrainedTokenizerFast(
            tokenizer_object=backend, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
        )

    return make


@pytest.fixture(scope="session")
def golden_picture() -> Callable[[str, int], Image.Image]:
    def read(family: str, place: int) -> Image.Image:
        with Image.open(GOLDEN / family / f"preprocess_image_{place}.png") as image:
            return image.copy()

    return read


@pytest.fixture
def picture(golden_picture: Callable[[str, int], Image.Image]) -> Image.Image:
    return golden_picture("cogvlm", 0)
