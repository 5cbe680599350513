"""A sibling as its real class, loaded plainly, says what the plain Llama that trained and asked it says."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText

from adamms.models import MPLUGOwl2LlamaForCausalLM
from proving_ground.real_pair.answering import Examiner
from proving_ground.real_pair.asking import read_language
from proving_ground.real_pair.families import FAMILIES
from proving_ground.real_pair.families.base import PICTURE_ID, language_weights
from proving_ground.real_pair.families.mplug_owl2 import with_copies
from proving_ground.real_pair.llama import PICTURE
from proving_ground.real_pair.towers import normalised, read_pictures
from proving_ground.real_pair.training import Eyes
from tests.proving_ground.real_pair.small_language import language, tokenizer, tower

QUESTIONS = [
    {"picture": "a.webp", "prompt": "What is in the picture?", "task": "naming"},
    {"picture": "b.webp", "prompt": "Is there a cat in the picture? Answer yes or no.", "task": "existence"},
    {"picture": None, "prompt": "What is a flag?", "task": "knowledge"},
]


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    """Two pictures of noise."""
    return torch.randint(
        0, 256, (2, 112, 112, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2)
    )


def _weights(family: Any) -> dict[str, Tensor]:
    weights = language_weights(language())
    if family.two_way:
        generator = torch.Generator().manual_seed(3)
        weights = with_copies(weights)
        for name in sorted(weights):
            if name.endswith(PICTURE):  # copies that are no copies any more
                weights[name] = weights[name] + 0.05 * torch.randn(weights[name].shape, generator=generator)
    return weights


@pytest.mark.parametrize("name", FAMILIES)
def test_the_class_answers_as_the_plain_llama(name: str, pixels: Tensor, tmp_path: Path) -> None:
    family = FAMILIES[name]
    torch.manual_seed(4)
    projector, weights = family.projector(), _weights(family)
    family.assemble(weights, projector, tower(), language()).save_pretrained(tmp_path)
    family.save_processor(tmp_path, tokenizer())

    loader = MPLUGOwl2LlamaForCausalLM if name == "mplug_owl2" else AutoModelForImageTextToText
    model = loader.from_pretrained(tmp_path, dtype=torch.float32).eval()
    values = next(normalised(pixels, device="cpu"))
    eyes: Any = Eyes(read_pictures(tower(), pixels, device="cpu"), tower(), family, device="cpu")
    if name == "mplug_owl2":  # whose tower holds DINOv2 nearly: here only the rest is compared
        eyes = lambda numbers: model.model.vision_model(values[numbers])  # noqa: E731
    examiner = Examiner(
        family, tokenizer(), QUESTIONS, pictures={"a.webp": 0, "b.webp": 1}, device="cpu", rows=2
    )
    examiner.look(projector, eyes)
    said = [answer.text for answer in examiner.answers(weights)]
    for number, prompt in enumerate(examiner.prompts):
        ids, shown = list(prompt.ids), {}
        if prompt.picture is not None:
            shown = {"pixel_values": values[prompt.picture : prompt.picture + 1]}
            if name == "mplug_owl2":
                start = ids.index(PICTURE_ID)
                ids[start : start + family.positions] = [-200]
        row = torch.tensor([ids])
        mask = torch.ones_like(row)
        output = model.generate(
            input_ids=row, attention_mask=mask, max_new_tokens=prompt.longest, do_sample=False, **shown
        )
        text = tokenizer().decode(output[0, len(ids) :]).split("<|im_end|>")[0]
        assert text.strip() == said[number]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_language_model_is_read_back_from_the_checkpoint(name: str, tmp_path: Path) -> None:
    family = FAMILIES[name]
    weights = _weights(family)
    family.assemble(weights, family.projector(), tower(), language()).save_pretrained(tmp_path)
    read = read_language(tmp_path)
    assert sorted(read) == sorted(weights)
    assert all(torch.equal(read[key], weights[key]) for key in weights)


def test_likelihoods_are_those_of_the_answers_given(pixels: Tensor) -> None:
    family = FAMILIES["llava"]
    torch.manual_seed(5)
    projector, weights = family.projector(), _weights(family)
    examiner = Examiner(
        family, tokenizer(), QUESTIONS, pictures={"a.webp": 0, "b.webp": 1}, device="cpu", rows=8
    )
    examiner.look(
        projector, Eyes(read_pictures(tower(), pixels, device="cpu"), tower(), family, device="cpu")
    )
    teacher = examiner.likelihoods(weights, [(0, "a cat"), (1, "yes"), (2, "red")])
    alone = [examiner.likelihoods(weights, [pair])[0] for pair in ((0, "a cat"), (1, "yes"), (2, "red"))]
    assert teacher == pytest.approx(alone, abs=1e-3)
    assert all(value < 0 for value in teacher)
