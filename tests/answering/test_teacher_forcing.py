"""Log-probabilities of given answers equal those of transformers' own forward over question and answer."""

import pytest
import torch

import tiny_models
from adamms.answering.engine import GivenAnswer
from adamms.answering.transformers_engine import open_image
from tiny_questions import OFTEN, engine, questions

SEEING = tiny_models.FAMILIES[:-2]


def by_plain_forward(generator, example, answer):
    """One row, no cache, no padding, positions as the model itself counts them."""
    model, preparation = generator.model, generator._preparation
    inputs = preparation.prepare([open_image(path) for path in example.images], example.prompt)
    tokens = torch.tensor([preparation.tokenizer(answer.text, add_special_tokens=False)["input_ids"]]).long()
    length, count = inputs["input_ids"].shape[1], tokens.shape[1]
    whole = dict(inputs)
    for name, value in inputs.items():
        if name == "input_ids":
            whole[name] = torch.cat([value, tokens], dim=1)
        elif value.dim() == 2 and value.shape == (1, length):  # masks and token types
            fill = 1 if name == "attention_mask" else 0
            whole[name] = torch.cat([value, torch.full((1, count), fill, dtype=value.dtype)], dim=1)
    with torch.no_grad():
        shares = torch.log_softmax(model(**whole).logits[0, -count - 1 :].double(), dim=-1)
    found = [float(shares[index, token]) for index, token in enumerate(tokens[0])]
    if answer.finished:
        ends = model.generation_config.eos_token_id
        found.append(float(shares[-1, ends].exp().sum().log()))
    return sum(found) / len(found)


def given(examples):
    """Short, long and empty answers, some of them cut."""
    texts = ["yes", "a b c d e", "", "no, it is not", "?", "abc abc"]
    return {
        example.id: GivenAnswer(texts[index % len(texts)], finished=index % 3 != 1)
        for index, example in enumerate(examples)
    }


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_a_batch_equals_a_plain_forward_on_each_row(family, tmp_path, pictures):
    path = tiny_models.build(family, tmp_path / "m", seed=4, generation=OFTEN)
    examples = questions(pictures if family in SEEING else [], count=7, seed=4)
    answers = given(examples)
    generator = engine(path, batch=3)
    generator.prepare(examples)

    found = dict(generator.log_probabilities(answers))

    expected = {each.id: by_plain_forward(generator, each, answers[each.id]) for each in examples}
    assert found == pytest.approx(expected, abs=2e-5)
    assert len({round(value, 3) for value in found.values()}) > 3


def test_models_that_cannot_share_a_batch_are_asked_alone(tmp_path, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", seed=4, generation=OFTEN | {"stop_strings": ["zz"]})
    examples = questions(pictures, count=6, seed=4)
    answers = given(examples)
    generator = engine(path)
    generator.prepare(examples)
    assert not any(prompt.batchable for prompt in generator._prompts.values())

    found = dict(generator.log_probabilities(answers))

    expected = {each.id: by_plain_forward(generator, each, answers[each.id]) for each in examples}
    assert found == pytest.approx(expected, abs=2e-5)
