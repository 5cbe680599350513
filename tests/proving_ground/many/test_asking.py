"""The zoo's fast answers are greedy decoding's, and the product's search gives the same ones as surely."""

import dataclasses
from functools import partial
from pathlib import Path

import pytest
import torch

from adamms.answering.engine import EngineOptions
from adamms.answering.sweep import Sweep, transformers_opener
from adamms.checkpoints import Checkpoint
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MergeInputs, make_method
from adamms.responses.inputs import Example
from adamms.zoo import shipped_pair
from proving_ground.families import FAMILIES, TABLES
from proving_ground.inputs import as_prompt, identifiers
from proving_ground.many.asking import Interviewer, Said
from proving_ground.many.drawing import draw_questions, question_album
from proving_ground.many.growing import saved_model
from proving_ground.many.interviewing import Parents, interview
from proving_ground.many.records import Header
from proving_ground.measuring import Examiner, Question

PAIR = shipped_pair()
TASKS = ("existence", "place", "position", "price", "owner")


@pytest.fixture(scope="module")
def parents() -> Parents:
    families = (FAMILIES["qwen2-vl"], FAMILIES["llava-onevision"])
    return Parents(saved_model(PAIR.base, families[0]), saved_model(PAIR.donor, families[1]), families)


@pytest.fixture(scope="module")
def asked() -> list[Question]:
    return draw_questions(question_album("held-out", each=8, real=False), each=8, seed=1, tasks=TASKS)


def test_drafts_change_no_answer(parents: Parents, asked: list[Question]) -> None:
    interviewer = Interviewer(parents.families[0], asked)
    features = interviewer.features(parents.base)
    drafts = interviewer.answers(parents.merge(1.0), features)
    plain = interviewer.answers(parents.base, features)
    drafted = interviewer.answers(parents.base, features, drafts=drafts)
    assert [each.tokens for each in drafts] != [each.tokens for each in plain]
    assert [each.tokens for each in drafted] == [each.tokens for each in plain]
    assert [each.confidence for each in drafted] == pytest.approx(
        [each.confidence for each in plain], abs=1e-5
    )
    examiner = Examiner(parents.families[0], asked)
    assert [interviewer.text(each.tokens) for each in plain] == examiner.answers(parents.base)


def test_an_answer_is_as_likely_read_as_said(parents: Parents, asked: list[Question]) -> None:
    interviewer = Interviewer(parents.families[1], asked)
    features = interviewer.features(parents.donor)
    said = interviewer.answers(parents.donor, features)
    read = interviewer.log_likelihoods(
        parents.donor, features, [(index, each.tokens) for index, each in enumerate(said)]
    )
    assert read == pytest.approx([each.log_likelihood for each in said], abs=1e-4)


def test_answers_are_translated_between_families_word_by_word(
    parents: Parents, asked: list[Question]
) -> None:
    here, there = (Interviewer(family, asked) for family in parents.families)
    words = [
        there.translate(said.tokens, here) for said in here.answers(parents.base, here.features(parents.base))
    ]
    texts = [here.text(said.tokens) for said in here.answers(parents.base, here.features(parents.base))]
    assert [there.text(tokens) for tokens in words] == texts
    own = here.translate([parents.families[1].vocabulary()["<image>"]], there)
    assert own == (parents.families[0].vocabulary()["<|unk|>"],)


def test_the_ancestor_is_theta_0_behind_the_base_s_tower(parents: Parents, asked: list[Question]) -> None:
    from proving_ground.many.growing import _shipped_theta_0

    family = parents.families[0]
    theta_0 = _shipped_theta_0()
    model = dataclasses.replace(parents, theta_0=theta_0).ancestor()
    for one, two in zip(family.tower(parents.base), family.tower(model), strict=True):
        assert torch.equal(one, two)
    theta = dict(theta_0.named_parameters())
    rows = len(family.language.tokens)
    base = family.originals(parents.base)
    for name, part in family.originals(model).items():
        if name in TABLES:
            assert torch.equal(part[:rows], theta[name][:rows])
            assert torch.equal(part[rows:], base[name][rows:])
        else:
            assert torch.equal(part, theta[name])
    # What it reads is what theta_0 reads of these pictures, not what the base does.
    interviewer = Interviewer(family, asked)
    features = interviewer.features(parents.base)
    said = [(index, each.tokens) for index, each in enumerate(interviewer.answers(parents.base, features))]
    read = interviewer.log_likelihoods(model, features, said)
    assert read != interviewer.log_likelihoods(parents.base, features, said)


def test_the_witnesses_rate_all_that_was_said(parents: Parents, asked: list[Question]) -> None:
    from proving_ground.many.growing import _shipped_theta_0

    few = asked[:6]
    header = partial(Header, "a", "0", "b", "c", "held-out", kinds={})
    pair = dataclasses.replace(parents, theta_0=_shipped_theta_0())
    made = interview(pair, few, header=header)
    there = Interviewer(parents.families[1], few, half=True)
    alone = there.answers(parents.donor, there.features(parents.donor))
    for question, said in zip(made.asked, alone, strict=True):
        assert question.donor_likelihood[question.alone] == pytest.approx(said.log_likelihood, abs=0.05)
        assert len(question.ancestor_likelihood) == len(question.said) == len(question.likelihood)
        assert max(question.ancestor_likelihood) < 0
    plain = interview(parents, few, header=header)
    assert [question.ancestor_likelihood for question in plain.asked] == [[]] * len(few)


def test_half_precision_answers_nearly_the_same(parents: Parents, asked: list[Question]) -> None:
    answers = []
    for half in (False, True):
        interviewer = Interviewer(parents.families[0], asked, half=half)
        answers.append(interviewer.answers(parents.base, interviewer.features(parents.base)))
    same = [one.tokens == two.tokens for one, two in zip(*answers, strict=True)]
    assert sum(same) >= len(same) - 1
    assert [each.confidence for each in answers[0]] != [each.confidence for each in answers[1]]


def test_the_product_s_sweep_gives_the_same_answers_as_surely(
    parents: Parents, asked: list[Question], tmp_path: Path
) -> None:
    examples = []
    for name, question in zip(identifiers(asked), asked, strict=True):
        question.picture.image.save(tmp_path / f"{name}.png")
        examples.append(Example(name, (tmp_path / f"{name}.png",), as_prompt(question.turn.question)))
    base, donor = Checkpoint.open(PAIR.base), Checkpoint.open(PAIR.donor)
    merging = MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))
    interviewer = Interviewer(parents.families[0], asked)
    features = interviewer.features(parents.base)
    ours: dict[tuple[float, str], Said] = {}
    for alpha in (0.0, 0.4):
        for example, said in zip(examples, interviewer.answers(parents.merge(alpha), features), strict=True):
            ours[alpha, example.id] = said
    theirs = Sweep(
        merging,
        examples,
        method=lambda alpha: make_method("linear", {"alpha": alpha}),
        engine=transformers_opener(merging, EngineOptions(max_new_tokens=4, batch_size=64, device="cpu")),
    ).ask({alpha: [example.id for example in examples] for alpha in (0.0, 0.4)})
    seen = 0
    for response in theirs:
        said = ours[response.alpha, response.id]
        assert response.response == interviewer.text(said.tokens)
        assert response.tokens == len(said.tokens)
        assert response.confidence == pytest.approx(said.confidence, abs=1e-3)
        assert response.entropy == pytest.approx(said.entropy, abs=1e-2)
        seen += 1
    assert seen == len(ours)


def test_questions_are_different_and_about_pictures_of_their_own_split() -> None:
    for split in ("development", "held-out"):
        album = question_album(split, each=70, real=False)
        asked = draw_questions(album, each=70, seed=3, tasks=("existence", "count", "code"))
        assert len({(id(each.picture), each.turn.question) for each in asked}) == len(asked) == 210
        assert [each.half for each in asked if each.turn.task == "code"].count(None) == 0
        again = draw_questions(album, each=70, seed=3, tasks=("count",))
        assert [each.turn for each in again] == [each.turn for each in asked if each.turn.task == "count"]


def test_a_tower_that_is_frozen_is_left_as_it_was() -> None:
    from proving_ground.mixtures import MIXTURES
    from proving_ground.models import pretrained_model
    from proving_ground.pictures import album
    from proving_ground.tuning import TuningSettings, align, tune

    torch.manual_seed(0)
    family = FAMILIES["qwen2-vl"]
    settings = TuningSettings(tagging_steps=1, alignment_steps=1, tuning_steps=3, batch=4, vision_rate=0.0)
    initial = saved_model(PAIR.base, family)
    lines: list[str] = []
    trainer = align(
        family,
        pretrained_model(),
        album=album("train", scale=0.01, real=False),
        settings=settings,
        init_from=initial,
        report=lines.append,
    )
    begun = zip(family.tower(initial), family.tower(trainer.model), strict=True)
    assert max((one - two).abs().max().item() for one, two in begun) < 0.02
    before = [each.detach().clone() for each in family.tower(trainer.model)]
    text = [each.detach().clone() for each in family.text(trainer.model)]
    model = tune(trainer, MIXTURES[family.name], settings=settings, report=lines.append)
    assert all(torch.equal(one, two) for one, two in zip(before, family.tower(model), strict=True))
    assert not all(torch.equal(one, two) for one, two in zip(text, family.text(model), strict=True))
