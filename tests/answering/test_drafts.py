"""An answer that began as a draft is the plain one: tokens, probabilities, entropy, whatever the draft."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

import tiny_models
from adamms.answering import decoding
from adamms.answering.drafts import FEW, few_together, placeholders, readable
from adamms.responses.inputs import Example
from tiny_questions import OFTEN, engine, one_by_one, questions

TEXT_ONLY = ("qwen2", "llama")
NEW = 12


def alone(path, pictures, *, batch=3, new=NEW, count=9, seed=0):
    """An engine that has no memory for a pool, its questions, and their answers without a draft."""
    generator = engine(path, batch=batch, new=new)
    generator._pool_bytes = 0
    single = path.parent.name == "cogvlm"  # which reads one image a question
    examples = [
        Example(each.id, each.images[: 1 if single else None], each.prompt)
        for each in questions(pictures, count=count, seed=seed)
    ]
    generator.prepare(examples)
    assert all(prompt.joinable for prompt in generator._prompts.values())
    return generator, examples, rows_of(generator, examples, {})


def rows_of(generator, examples, drafts):
    generator._drafts = dict(drafts)
    return {
        row.prompt.id: row for row in generator._joined([generator._prompts[each.id] for each in examples])
    }


def assert_same(rows, expected):
    for id_, row in rows.items():
        assert row.tokens == expected[id_].tokens
        assert row.probabilities == pytest.approx(expected[id_].probabilities, abs=1e-5)
        assert row.entropy == pytest.approx(expected[id_].entropy, abs=1e-4)
    assert rows.keys() == expected.keys()


def drafts_of(plain, *, seed=0):
    """Kind of draft -> question -> draft; `mixed` has another kind for each question of a batch."""
    draw = random.Random(seed)
    text = [token for token in range(256) if token not in OFTEN["eos_token_id"]]

    def other(token):
        return draw.choice([each for each in text if each != token])

    def beginning(tokens):
        return tokens[: len(tokens) // 2]

    kinds = {
        "right": lambda tokens: tokens,
        "wrong": lambda tokens: [other(token) for token in tokens],
        "right for a while": lambda tokens: [*beginning(tokens), *(other(None) for _ in range(4))],
        "shorter": beginning,
        "ended early": lambda tokens: [*beginning(tokens), OFTEN["eos_token_id"][3], *text[:3]],
        "too long": lambda tokens: [*tokens[: NEW - 1], *draw.choices(text, k=2 * NEW)],
    }
    made = {kind: {id_: make(row.tokens) for id_, row in plain.items()} for kind, make in kinds.items()}
    several = [*made.values(), {}]
    made["mixed"] = {id_: several[index % len(several)].get(id_, []) for index, id_ in enumerate(plain)}
    return made


@pytest.fixture
def steps(monkeypatch):
    """How many rows each step of decoding feeds."""
    fed = []
    step = decoding.step

    def count(model, pool):
        fed.append(len(pool.rows))
        step(model, pool)

    monkeypatch.setattr(decoding, "step", count)
    return fed


@pytest.fixture
def always(monkeypatch):
    """Drafts are read in the first batch as well."""
    monkeypatch.setattr(decoding, "few_together", lambda *_, **__: True)


@pytest.mark.parametrize("family", [*tiny_models.FAMILIES, *tiny_models.NATIVE])
def test_drafts_change_no_answer(family, tmp_path, pictures, steps, always):
    path = tiny_models.build(family, tmp_path / family / "m", seed=2, generation=OFTEN)
    generator, examples, plain = alone(path, [] if family in TEXT_ONLY else pictures, seed=2)
    assert {id_: row.tokens for id_, row in plain.items()} == one_by_one(generator, examples, new=NEW)
    assert len({len(row.tokens) for row in plain.values()}) > 2
    marks = placeholders(generator.model.config)
    cut = not all(marks.isdisjoint(row.tokens[:-1]) for row in plain.values())
    for kind, drafts in drafts_of(plain).items():
        steps.clear()
        assert_same(rows_of(generator, examples, drafts), plain)
        # A draft that is right and read to its end leaves nothing to decode.
        assert bool(steps) == (cut or kind not in ("right", "too long")), kind


@pytest.mark.parametrize(
    "penalties",
    [
        {"repetition_penalty": 5.0},
        {"no_repeat_ngram_size": 2},
        {"repetition_penalty": 1.3, "min_new_tokens": 4, "suppress_tokens": [7, 8, 9]},
        {"forced_eos_token_id": 10, "bad_words_ids": [[40], [41, 42]]},
    ],
)
@pytest.mark.parametrize("batch", [1, 4])
def test_penalties_see_what_comes_before_a_token_and_nothing_else(
    penalties, batch, tmp_path, pictures, always
):
    path = tiny_models.build("llava_onevision", tmp_path / "m", seed=3, generation=OFTEN | penalties)
    generator, examples, plain = alone(path, pictures, batch=batch, seed=3)
    assert all(prompt.processors for prompt in generator._prompts.values())
    assert {id_: row.tokens for id_, row in plain.items()} == one_by_one(generator, examples, new=NEW)
    for seed in range(3):
        for drafts in drafts_of(plain, seed=seed).values():
            assert_same(rows_of(generator, examples, drafts), plain)


@pytest.fixture(scope="module")
def asked(tmp_path_factory, pictures):
    path = tiny_models.build("qwen2_vl", tmp_path_factory.mktemp("drafts") / "m", seed=4, generation=OFTEN)
    return alone(path, pictures, batch=2, count=4, seed=4)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_draft_is_harmless(asked, data):
    """Tokens that stand for images and such that end answers among them."""
    generator, examples, plain = asked
    vocabulary = st.integers(0, generator.model.config.get_text_config().vocab_size - 1)
    drafts = {}
    for id_, row in plain.items():
        right = data.draw(st.integers(0, len(row.tokens)))
        drafts[id_] = [*row.tokens[:right], *data.draw(st.lists(vocabulary, max_size=NEW))]
    assert_same(rows_of(generator, examples, drafts), plain)


def test_what_is_read_of_a_draft(asked):
    generator, _, _ = asked
    prompt = next(iter(generator._prompts.values()))
    image = generator.model.config.image_token_id
    marks = placeholders(generator.model.config)
    assert image in marks
    assert readable(prompt, [1, 2, 3], marks=marks) == (1, 2, 3)
    assert readable(prompt, [1, 2, 10, 3], marks=marks) == (1, 2)  # 10 ends an answer
    assert readable(prompt, [1, image, 2], marks=marks) == (1,)
    assert readable(prompt, [1] * 50, marks=marks) == (1,) * (NEW - 1)  # the last token is chosen, not read


def test_drafts_are_for_few_rows():
    assert few_together(100, batch_size=FEW, pool_bytes=0, row_bytes=10)
    assert not few_together(100, batch_size=FEW + 1, pool_bytes=0, row_bytes=10)
    assert not few_together(100, batch_size=1, pool_bytes=0, row_bytes=0)
    assert few_together(100, batch_size=1, pool_bytes=10 * FEW, row_bytes=10)
    assert not few_together(100, batch_size=1, pool_bytes=10 * FEW + 10, row_bytes=10)
    assert few_together(FEW, batch_size=16, pool_bytes=1 << 30, row_bytes=10)


@pytest.mark.parametrize(("batch", "pool", "drafted"), [(1, 0, True), (1, 1 << 30, False), (16, 0, False)])
def test_the_last_candidates_answers_are_the_drafts(batch, pool, drafted, tmp_path, pictures, steps):
    path = tiny_models.build("qwen2_vl", tmp_path / "m", seed=5, generation=OFTEN)
    state = load_file(path / "model.safetensors")
    examples = questions(pictures, count=12, seed=5)
    ids = [example.id for example in examples]
    generator = engine(path, batch=batch, changed=["lm_head.weight"])
    generator._pool_bytes = pool
    generator.prepare(examples)
    read = []
    generator.model.register_forward_pre_hook(
        lambda module, args, kwargs: read.append(kwargs["logits_to_keep"] > 1), with_kwargs=True
    )

    def ask():
        steps.clear(), read.clear()
        answers = {answer.id: answer for answer in generator.answer(ids)}
        return answers, len(steps), any(read)

    before, plainly, early = ask()
    assert plainly and not early
    again, fewer, late = ask()
    assert {id_: each.response for id_, each in again.items()} == {
        id_: each.response for id_, each in before.items()
    }
    assert (late, fewer < plainly) == (drafted, drafted)
    # Another candidate answers otherwise, draft or not.
    generator.move(0.5, lambda name: state[name].flip(0))
    after, _, late = ask()
    assert late == drafted
    assert {id_: each.response for id_, each in after.items()} != {
        id_: each.response for id_, each in before.items()
    }
    assert {row.prompt.id: row.tokens for row in generator._joined(list(generator._prompts.values()))} == (
        one_by_one(generator, examples)
    )
    generator.forget()
    generator.prepare(examples)
    assert not ask()[2]
