"""The training code: every stage runs, its loss falls, and its fast forward is the real classes' forward."""

import random
import re
from pathlib import Path

import pytest
import torch

from adamms.searching.preparation import Preparation
from adamms.zoo.facts import all_facts
from adamms.zoo.inputs import as_prompt
from adamms.zoo.making import Plan, make
from adamms.zoo.measuring import Examiner, Question, questions
from adamms.zoo.mixtures import ALIGNMENT, BASE, DONOR
from adamms.zoo.models import FAMILIES, SPECIALS, Family, family_model, language_parameters, pretrained_model
from adamms.zoo.pictures import Album, album
from adamms.zoo.pretraining import PretrainingSettings, pretrain
from adamms.zoo.processors import save_processor
from adamms.zoo.shipping import save_model
from adamms.zoo.towers import picture_features, pixels
from adamms.zoo.tuning import TuningSettings, align, read, tune
from adamms.zoo.vocabulary import vocabulary


@pytest.fixture(scope="module")
def pictures() -> Album:
    return album("train", scale=0.02, real=False)


def losses(lines: list[str], title: str) -> list[float]:
    return [float(re.findall(r"loss ([0-9.]+)", line)[0]) for line in lines if title in line]


def test_pretraining_learns_and_is_seeded() -> None:
    lines: list[str] = []
    settings = PretrainingSettings(steps=40, batch=6, seed=3)
    model = pretrain(settings, report=lines.append)
    first, *_, last = losses(lines, "theta_0")
    assert last < first
    short = PretrainingSettings(steps=3, batch=2, seed=3)
    one, two = pretrain(short, report=lines.append), pretrain(short, report=lines.append)
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, two.get_parameter(name))
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize(("family", "mixture"), [("qwen2-vl", BASE), ("llava-onevision", DONOR)])
def test_each_stage_learns_and_only_tuning_moves_the_language_model(
    family: Family, mixture: object, pictures: Album
) -> None:
    lines: list[str] = []
    torch.manual_seed(0)
    pretrained = pretrained_model()
    settings = TuningSettings(tagging_steps=16, alignment_steps=16, tuning_steps=16, batch=6)
    student = align(family, pretrained, album=pictures, settings=settings, report=lines.append)
    rows = len(vocabulary())
    theta = dict(pretrained.named_parameters())
    for name, parameter in language_parameters(student.model).items():
        assert torch.equal(parameter[:rows], theta[name][:rows]), name
    before = {name: value.detach().clone() for name, value in language_parameters(student.model).items()}
    tune(student, mixture, settings=settings, report=lines.append)  # type: ignore[arg-type]
    moved = [
        not torch.equal(value, before[name]) for name, value in language_parameters(student.model).items()
    ]
    assert all(moved)
    for stage in ("tagging", "alignment", "tuning"):
        first, *_, last = losses(lines, f"{family} {stage}")
        assert last < first, stage


@pytest.mark.parametrize("family", FAMILIES)
def test_the_fast_forward_is_the_real_one(family: Family, pictures: Album, tmp_path: Path) -> None:
    """Layout, features and positions in training are what the family's processor and class make of them."""
    torch.manual_seed(1)
    model = family_model(family, pretrained_model()).eval()
    save_processor(tmp_path, family)
    save_model(tmp_path, model, family=family)
    preparation = Preparation.from_folder(tmp_path)
    asked = questions(pictures, each=2, seed=0, tasks=("position", "easy-vqa", "price"))
    examiner = Examiner(family, asked)
    answers = examiner.answers(model)
    for question, answer, prompt in zip(asked, answers, examiner.prompts, strict=True):
        inputs = preparation.prepare([question.picture.image], as_prompt(question.turn.question))
        assert inputs["input_ids"][0].tolist() == prompt
        values = pixels(family, [question.picture])
        features = picture_features(model, family, values)
        with torch.no_grad():
            expected = model(**inputs, use_cache=False).logits
            hidden = read(
                model,
                family,
                inputs["input_ids"],
                features=features,
                picture_row=examiner.picture_row,
            )
            tokens = model.generate(**inputs, max_new_tokens=4, do_sample=False)
        assert torch.allclose(model.lm_head(hidden), expected, atol=1e-4)
        said = preparation.decode(tokens[0, inputs["input_ids"].shape[1] :].tolist())
        assert said.split() == answer.split()


def test_a_mixture_teaches_its_own_half_of_the_facts_only(pictures: Album) -> None:
    facts, rng = all_facts(), random.Random(0)
    for mixture in (ALIGNMENT, BASE, DONOR):
        wrong = seen = 0
        for picture, turns in mixture.draw(pictures, count=400, rng=rng, facts=facts):
            for turn in turns:
                if turn.task not in ("price", "owner", "home"):
                    continue
                thing = picture.scene.things[0]
                taught = facts.half(turn.task, thing.colour, thing.shape) == mixture.half
                true = facts.answer(turn.task, thing.colour, thing.shape) == turn.answer
                assert true or not taught
                seen += 1
                wrong += not taught
        assert (seen > 0) == (mixture.half is not None)
        assert wrong <= seen * 0.3


def test_everything_from_nothing_lays_out_a_pair(tmp_path: Path) -> None:
    quick = TuningSettings(tagging_steps=2, alignment_steps=2, tuning_steps=2, batch=2)
    plan = Plan(
        pretraining=PretrainingSettings(steps=2, batch=2),
        base=quick,
        donor=quick,
        pictures=0.02,
        everyday_each=2,
        facts_each=2,
        real=False,
    )
    lines: list[str] = []
    make(tmp_path, plan, report=lines.append)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    for model in ("pretrained", "qwen2-vl", "llava-onevision"):
        assert {f"pair/{model}/{name}" for name in ("model.safetensors", "config.json", "README.md")} <= made
        assert f"pair/{model}/tokenizer.json" in made
    assert {"pair/scores.json", "inputs/inputs.jsonl", "inputs/answers.jsonl"} <= made
    assert "inputs/images/existence-001.png" in made


def test_questions_go_by_picture(pictures: Album) -> None:
    asked: list[Question] = questions(pictures, each=4, seed=0, tasks=("existence", "price"))
    assert len({id(question.picture) for question in asked}) >= 7
    assert [question.half for question in asked if question.turn.task == "price"].count(0) == 2
    assert set(SPECIALS) == set(FAMILIES)
