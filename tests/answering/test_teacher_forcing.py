"""Log-probabilities of given answers equal those of transformers' own forward over question and answer."""

from dataclasses import replace

import pytest
import torch

import tiny_models
from adamms.answering import teacher_forcing
from adamms.answering.engine import GivenAnswer
from adamms.answering.transformers_engine import open_image
from adamms.responses.inputs import Example
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
    return sum(found), len(found)


def given(examples):
    """Short, long and empty answers, some of them cut; two a question, and three, and one."""
    texts = ["yes", "a b c d e", "", "no, it is not", "?", "abc abc"]
    answers = [GivenAnswer(text, finished=index % 3 != 1) for index, text in enumerate(texts)]
    return {
        example.id: tuple(answers[(index + step) % len(answers)] for step in range(1 + (index + 1) % 3))
        for index, example in enumerate(examples)
    }


def assert_read_as_by_plain_forwards(generator, examples):
    answers = given(examples)
    read = dict(generator.log_probabilities(answers))
    assert read.keys() == answers.keys()
    for example in examples:
        expected = [by_plain_forward(generator, example, answer) for answer in answers[example.id]]
        likelihoods = read[example.id]
        assert [each.log_probability for each in likelihoods] == pytest.approx(
            [total for total, _ in expected], abs=1e-4
        )
        assert [each.tokens for each in likelihoods] == [count for _, count in expected]
    assert len({round(each.mean, 3) for likelihoods in read.values() for each in likelihoods}) > 5


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_a_batch_equals_a_plain_forward_on_each_row(family, tmp_path, pictures):
    path = tiny_models.build(family, tmp_path / "m", seed=4, generation=OFTEN)
    examples = questions(pictures if family in SEEING else [], count=7, seed=4)
    generator = engine(path, batch=3)
    generator.prepare(examples)
    assert all(prompt.batchable for prompt in generator._prompts.values())
    assert_read_as_by_plain_forwards(generator, examples)


def test_answers_are_read_in_parts_where_their_logits_are_too_many(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(teacher_forcing, "LOGITS_BYTES", 1)
    path = tiny_models.build("qwen2_vl", tmp_path / "m", seed=4, generation=OFTEN)
    examples = questions(pictures, count=7, seed=4)
    generator = engine(path, batch=3)
    generator.prepare(examples)
    assert_read_as_by_plain_forwards(generator, examples)


def test_a_question_is_read_once_for_all_its_answers(tmp_path, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", seed=4, generation=OFTEN)
    examples = questions(pictures, count=4, seed=4)
    generator = engine(path, batch=4)
    generator.prepare(examples)
    fed = []
    generator.model.register_forward_pre_hook(
        lambda module, args, kwargs: fed.append(kwargs["input_ids"].shape), with_kwargs=True
    )
    answers = (GivenAnswer("yes", True), GivenAnswer("no", True))
    longest = max(prompt.length for prompt in generator._prompts.values())
    assert len(dict(generator.log_probabilities({example.id: answers for example in examples}))) == 4
    assert fed == [(4, longest), (8, len(generator._tokens("yes")))]


def test_models_that_cannot_share_a_batch_are_asked_alone(tmp_path, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", seed=4, generation=OFTEN | {"stop_strings": ["zz"]})
    examples = questions(pictures, count=6, seed=4)
    generator = engine(path)
    generator.prepare(examples)
    assert not any(prompt.batchable for prompt in generator._prompts.values())
    assert_read_as_by_plain_forwards(generator, examples)


@pytest.mark.parametrize("family", tiny_models.NATIVE)
def test_our_own_classes_read_as_their_generate_does(family, tmp_path, pictures):
    path = tiny_models.build(family, tmp_path / "m", seed=4, generation=OFTEN)
    examples = [
        Example(each.id, each.images[:1], each.prompt) for each in questions(pictures, count=7, seed=4)
    ]
    generator = engine(path, batch=3)
    generator.prepare(examples)
    batched = dict(generator.log_probabilities(given(examples)))
    for example in examples:
        images = [open_image(path) for path in example.images]
        inputs = generator._preparation.prepare(images, example.prompt)
        prompt = replace(generator._prompts[example.id], batchable=False, inputs=inputs)
        generator._prompts[example.id] = prompt
    alone = dict(generator.log_probabilities(given(examples)))
    for id_, likelihoods in alone.items():
        assert [each.log_probability for each in batched[id_]] == pytest.approx(
            [each.log_probability for each in likelihoods], abs=1e-4
        )
