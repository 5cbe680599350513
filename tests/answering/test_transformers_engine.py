"""Batched, pooled, cached answers equal `generate` one by one; moved weights equal a written checkpoint's."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import tiny_models
from adamms.answering.key_values import SPARE_COLUMNS
from adamms.answering.transformers_engine import open_image
from adamms.responses.inputs import Example
from tiny_questions import OFTEN, engine, one_by_one, questions, tokens_of

SEEING = tiny_models.FAMILIES[:-2]


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_answers_equal_one_by_one_generate(family, seed, tmp_path, pictures):
    path = tiny_models.build(family, tmp_path / "m", seed=seed, generation=OFTEN)
    examples = questions(pictures if family in SEEING else [], seed=seed)
    generator = engine(path)
    generator.prepare(examples)
    assert all(prompt.batchable for prompt in generator._prompts.values())
    expected = one_by_one(generator, examples)
    assert tokens_of(generator, examples) == expected
    # The test is worth something only if answers differ and end at different steps.
    assert len({tuple(answer) for answer in expected.values()}) > 3
    assert len({len(answer) for answer in expected.values()}) > 1


@pytest.mark.parametrize(("batch", "pool"), [(1, 0), (2, 0), (3, 30_000), (16, 1 << 30)])
def test_answers_do_not_depend_on_batch_and_pool(batch, pool, tmp_path, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", seed=5, generation=OFTEN)
    examples = questions(pictures, count=14, seed=5)
    generator = engine(path, batch=batch, new=40)
    generator._pool_bytes = pool
    generator.prepare(examples)
    assert tokens_of(generator, examples) == one_by_one(generator, examples, new=40)


def test_long_answers_outgrow_the_room_that_was_left(tmp_path, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", seed=6)
    examples = questions(pictures, count=3, seed=6)
    generator = engine(path, new=75)
    generator.prepare(examples)
    expected = one_by_one(generator, examples, new=75)
    assert max(map(len, expected.values())) > 2 * SPARE_COLUMNS
    assert tokens_of(generator, examples) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {"repetition_penalty": 1.3},
        {"no_repeat_ngram_size": 2},
        {"repetition_penalty": 1.3, "min_new_tokens": 4, "suppress_tokens": [7, 8, 9]},
        {"forced_eos_token_id": 10, "bad_words_ids": [[40], [41, 42]]},
        {"do_sample": True, "temperature": 0.1, "top_p": 0.001, "top_k": 1},
    ],
)
def test_the_generation_config_is_respected(settings, tmp_path, pictures):
    path = tiny_models.build("llava_onevision", tmp_path / "m", seed=3, generation=OFTEN | settings)
    examples = questions(pictures, seed=3)
    generator = engine(path)
    generator.prepare(examples)
    assert tokens_of(generator, examples) == one_by_one(generator, examples)


def test_models_that_cannot_share_a_batch_answer_alone(tmp_path, pictures):
    path = tiny_models.build("qwen3_vl", tmp_path / "m", seed=1, generation=OFTEN | {"stop_strings": ["zzz"]})
    examples = questions(pictures, count=4, seed=1)
    generator = engine(path)
    seen = count_calls(generator.model.base_model.visual)
    generator.prepare(examples)
    assert not any(prompt.batchable for prompt in generator._prompts.values())
    encoded = len(seen)
    answers = {answer.id: answer for answer in generator.answer([example.id for example in examples])}
    assert len(seen) == encoded  # the kept features are used here as well
    generator.model.generation_config.stop_strings = None
    expected = one_by_one(generator, examples)
    for id, tokens in expected.items():
        assert answers[id].response == generator._preparation.decode(tokens)
        assert answers[id].tokens == len(tokens)


def test_what_an_answer_carries(tmp_path, pictures):
    path = tiny_models.build("llava", tmp_path / "m", seed=2, generation=OFTEN)
    examples = questions(pictures, count=6, seed=2)
    generator = engine(path)
    generator.prepare(examples)
    for answer in generator.answer([example.id for example in examples]):
        example = next(each for each in examples if each.id == answer.id)
        inputs = generator._preparation.prepare([open_image(path) for path in example.images], example.prompt)
        out = generator.model.generate(
            **inputs, do_sample=False, max_new_tokens=8, output_logits=True, return_dict_in_generate=True
        )
        shares = torch.stack(out.logits)[:, 0].softmax(-1)
        tokens = out.sequences[0, inputs["input_ids"].shape[1] :].tolist()
        assert answer.tokens == len(tokens)
        assert answer.finished == (tokens[-1] in OFTEN["eos_token_id"])
        assert answer.confidence == pytest.approx(shares.max(-1).values.mean().item(), abs=1e-5)
        assert answer.entropy == pytest.approx(-(shares[0] * shares[0].log()).sum().item(), abs=1e-4)
        assert (
            answer.response
            == generator._preparation.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        )


def merged_by(base, donor, alpha):
    """Name on disk -> the interpolation, rounded once to the base's dtype; both share their names here."""

    def merged(name):
        return ((1 - alpha) * base[name].float() + alpha * donor[name].float()).to(base[name].dtype)

    return merged


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("family", ["qwen2_vl", "llava_onevision", "llama"])
def test_moved_weights_equal_a_written_checkpoint(family, tied, tmp_path, pictures):
    path = tiny_models.build(family, tmp_path / "m", dtype="bfloat16", tied=tied, generation=OFTEN)
    other = tiny_models.build(family, tmp_path / "d", seed=1, dtype="bfloat16", tied=tied)
    base, donor = load_file(path / "model.safetensors"), load_file(other / "model.safetensors")
    changed = [name for name in base if not any(part in name for part in ("visual", "vision", "projector"))]
    examples = questions(pictures if family in SEEING else [], count=5)
    generator = engine(path, changed=changed)
    generator.prepare(examples)
    for alpha in (0.3, 0.7, 0.0):
        merged = merged_by(base, donor, alpha)
        generator.load_weights(alpha, merged)
        written = tmp_path / f"written-{alpha}"
        shutil.copytree(path, written)
        state = {name: merged(name) if name in changed else base[name] for name in base}
        save_file(state, written / "model.safetensors", metadata={"format": "pt"})
        fresh = engine(written).model
        live = generator.model.state_dict()
        for name, value in fresh.state_dict().items():
            assert torch.equal(live[name], value), name
            assert live[name].dtype == torch.float32
        assert tokens_of(generator, examples) == one_by_one(generator, examples, model=fresh)


def test_a_head_that_is_tied_only_while_it_is_equal(tmp_path):
    path = tiny_models.build("llama", tmp_path / "m", tied=True, generation=OFTEN)
    base = load_file(path / "model.safetensors")
    base["lm_head.weight"] = base["model.embed_tokens.weight"].clone()
    save_file(base, path / "model.safetensors", metadata={"format": "pt"})
    donor = {name: value + torch.randn_like(value) for name, value in base.items()}
    generator = engine(path, changed=list(base))
    generator.load_weights(0.5, merged_by(base, donor, 0.5))
    live = generator.model.state_dict()
    for name in ("lm_head.weight", "model.embed_tokens.weight"):
        assert torch.equal(live[name], merged_by(base, donor, 0.5)(name))


def count_calls(module):
    """How many images' patches (or tiles) each call of a vision tower gets."""
    calls = []

    def count(module, args, kwargs, output):
        calls.append(next(iter([*args, *kwargs.values()])).shape[0])

    module.register_forward_hook(count, with_kwargs=True)
    return calls


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen3_vl", "llava_onevision"])
def test_an_image_is_encoded_once_for_all_candidates(family, tmp_path, pictures):
    path = tiny_models.build(family, tmp_path / "m", generation=OFTEN)
    base = load_file(path / "model.safetensors")
    donor = {name: value.flip(0) for name, value in base.items()}
    changed = [name for name in base if "layers" in name and "vis" not in name]
    generator = engine(path, changed=changed)
    model = generator.model.base_model
    calls = count_calls(model.visual if "qwen" in family else model.vision_tower)
    examples = [
        Example(f"{index}-{turn}", (pictures[index],), f"Why {turn}?") for index in range(3) for turn in "ab"
    ]
    generator.prepare(examples)
    for alpha in (0.0, 0.2, 0.4):
        generator.load_weights(alpha, merged_by(base, donor, alpha))
        assert len(list(generator.answer([example.id for example in examples]))) == len(examples)
    encoded = sum(calls)
    calls.clear()
    assert tokens_of(generator, examples) == one_by_one(generator, examples)
    assert sum(calls) == 2 * encoded  # one by one, each of two questions an image encodes it again


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
def test_questions_prepared_together_are_those_prepared_alone(family, tmp_path, pictures):
    generator = engine(tiny_models.build(family, tmp_path / "m"))
    examples = questions(pictures if family in SEEING else [], count=12, seed=4)
    generator.prepare(examples)
    together = generator._prompts
    generator._batch_size = 1
    generator.prepare(examples)
    for id, prompt in generator._prompts.items():
        other = together[id]
        assert torch.equal(other.ids, prompt.ids)
        assert torch.equal(other.positions, prompt.positions)
        assert set(other.types) == set(prompt.types)
        assert all(torch.equal(other.types[name], prompt.types[name]) for name in prompt.types)
        assert (other.vision is None) == (prompt.vision is None)
        if prompt.vision is not None:
            assert len(other.vision.pooled) == len(prompt.vision.pooled)
            for mine, alone in zip(other.vision.pooled, prompt.vision.pooled, strict=True):
                torch.testing.assert_close(mine, alone)
            assert (other.vision.deepstack is None) == (family != "qwen3_vl")


def test_a_merge_that_changes_the_vision_side_is_not_answered_from_old_features(tmp_path, pictures):
    path = tiny_models.build("llava", tmp_path / "m", generation=OFTEN)
    base = load_file(path / "model.safetensors")
    donor = {name: value.flip(0) for name, value in base.items()}
    generator = engine(path, changed=[name for name in base if "projector" in name])
    examples = questions(pictures, count=5)
    generator.prepare(examples)
    before = tokens_of(generator, examples)
    generator.load_weights(0.5, merged_by(base, donor, 0.5))
    after = tokens_of(generator, examples)
    assert after == one_by_one(generator, examples)
    assert after != before
