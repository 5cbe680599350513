"""The training code: every stage runs, its loss falls, and its fast forward is the real classes' forward."""

import random
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
import torch

from adamms.answering.preparation import Preparation
from adamms.zoo import MODEL_FAMILIES
from proving_ground.facts import FACT_TASKS, all_facts
from proving_ground.families import FAMILIES, TABLES
from proving_ground.inputs import as_prompt
from proving_ground.making import Plan, make
from proving_ground.measuring import Examiner, Question, merged, questions
from proving_ground.mixtures import ALIGNMENT, MIXTURES
from proving_ground.models import Line, pretrained_model
from proving_ground.pictures import Album, album
from proving_ground.pretraining import PretrainingSettings, pretrain
from proving_ground.questions import Turn
from proving_ground.shipping import rounded, save_model
from proving_ground.tuning import TuningSettings, align, tune


@pytest.fixture(scope="module")
def pictures() -> Album:
    return album("train", scale=0.02, real=False)


def losses(lines: list[str], title: str) -> list[float]:
    return [float(re.findall(r"loss ([0-9.]+)", line)[0]) for line in lines if title in line]


@pytest.mark.parametrize("line", ["qwen2", "llama"])
def test_pretraining_learns_and_is_seeded(line: Line) -> None:
    lines: list[str] = []
    settings = PretrainingSettings(steps=40, batch=6, seed=3, line=line)
    model = pretrain(settings, report=lines.append)
    first, *_, last = losses(lines, "theta_0")
    assert last < first
    short = PretrainingSettings(steps=3, batch=2, seed=3, line=line)
    one, two = pretrain(short, report=lines.append), pretrain(short, report=lines.append)
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, two.get_parameter(name))
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


@pytest.mark.parametrize("name", list(FAMILIES))
def test_each_stage_learns_and_only_tuning_moves_the_language_model(name: str, pictures: Album) -> None:
    lines: list[str] = []
    torch.manual_seed(0)
    family = FAMILIES[name]
    pretrained = pretrained_model(family.line)
    settings = TuningSettings(tagging_steps=16, alignment_steps=16, tuning_steps=16, batch=6)
    trainer = align(family, pretrained, album=pictures, settings=settings, report=lines.append)
    rows = len(family.language.tokens)
    theta = dict(pretrained.named_parameters())
    originals = family.originals(trainer.model)
    assert set(originals) == set(theta)
    for part, value in (*originals.items(), *family.duplicates(trainer.model).items()):
        kept = slice(rows) if part in TABLES else slice(None)
        assert torch.equal(value[kept], theta[part][kept]), part
    tower = {id(parameter) for parameter in family.tower(trainer.model)}
    text = {key: value for key, value in trainer.model.named_parameters() if id(value) not in tower}
    before = {key: value.detach().clone() for key, value in text.items()}
    tune(trainer, MIXTURES[name], settings=settings, report=lines.append)
    still = [key for key, value in text.items() if torch.equal(value, before[key])]
    # Nobody reads what the last layer says of an image's positions.
    unread = ("vision_mlp", "vision_expert_dense", "post_attention_layernorm.multiway.1")
    assert all("layers.3." in key and any(part in key for part in unread) for key in still), still
    for stage in ("tagging", "alignment", "tuning"):
        first, *_, last = losses(lines, f"{name} {stage}")
        assert last < first, stage


@pytest.mark.parametrize("name", list(FAMILIES))
def test_the_fast_forward_is_the_real_one(name: str, pictures: Album, tmp_path: Path) -> None:
    """Layout, features and positions in training are what the family's processor and class make of them."""
    torch.manual_seed(1)
    family = FAMILIES[name]
    model = rounded(unlike_its_duplicates(name))
    save_model(tmp_path, model, family=family)
    preparation = Preparation.from_folder(tmp_path)
    asked = questions(pictures, each=2, seed=0, tasks=("position", "easy-vqa", "price"))
    examiner = Examiner(family, asked)
    answers = examiner.answers(model)
    for question, answer, prompt in zip(asked, answers, examiner.prompts, strict=True):
        inputs = preparation.prepare([question.picture.image], as_prompt(question.turn.question))
        if name == "mplug_owl2":  # one placeholder outside the vocabulary, which the model makes room for
            start, count = family.style.picture_start, len(family.picture)
            prompt[start : start + count] = [model.config.image_token_index]
        assert inputs["input_ids"][0].tolist() == prompt
        features = family.features(model, family.pixels([question.picture.image]))
        ids = torch.tensor([family.layout().rows([Turn("", question.turn.question, "")])[0][:-1]])
        with torch.no_grad():
            expected = model(**inputs, use_cache=False).logits
            hidden = family.read(model, ids, features)
            tokens = model.generate(**inputs, max_new_tokens=4, do_sample=False)
        assert torch.allclose(model.lm_head(hidden), expected, atol=1e-4)
        said = preparation.tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :].tolist())
        assert said.split(family.language.end)[0].split() == answer.split()


def unlike_its_duplicates(name: str) -> torch.nn.Module:
    """A fresh model whose duplicates are no longer copies, as after tuning."""
    family = FAMILIES[name]
    model = family.grow(pretrained_model(family.line)).eval()
    with torch.no_grad():
        for part in family.duplicates(model).values():
            part.add_(0.02 * torch.randn_like(part))
    return model


@pytest.mark.parametrize(
    ("base", "donor", "duplicates"),
    [
        ("cogvlm", "llava", set()),
        ("llava", "mplug_owl2", set()),
        ("mplug_owl2", "cogvlm", {"model.layers.0.self_attn.k_proj.weight"}),
        ("cogvlm", "mplug_owl2", {"model.layers.0.self_attn.k_proj.weight"}),
    ],
)
def test_a_merge_pairs_duplicates_as_the_default_mapping_does(
    base: str, donor: str, duplicates: set[str]
) -> None:
    torch.manual_seed(2)
    parents = {name: unlike_its_duplicates(name) for name in (base, donor)}
    one, two = FAMILIES[base], FAMILIES[donor]
    model = merged(parents[base], parents[donor], alpha=1.0, families=(one, two))
    source, doubled = two.originals(parents[donor]), two.duplicates(parents[donor])
    for name, part in one.originals(model).items():
        if name not in TABLES:
            assert torch.equal(part, source[name].bfloat16().float()), name
    for name, part in one.duplicates(model).items():
        assert torch.equal(part, doubled.get(name, source[name]).bfloat16().float()), name
    assert duplicates <= {name for name in one.duplicates(model) if name in doubled}


def test_a_mixture_teaches_its_own_halves_of_the_facts_only(pictures: Album) -> None:
    facts, rng = all_facts(), random.Random(0)
    for mixture in (ALIGNMENT, *MIXTURES.values()):
        wrong = seen = 0
        for picture, turns in mixture.draw(pictures, count=400, rng=rng, facts=facts):
            for turn in turns:
                if turn.task not in FACT_TASKS:
                    continue
                thing = picture.scene.things[0]
                taught = mixture.teaches(turn.task, facts.half(turn.task, thing.colour, thing.shape))
                true = facts.answer(turn.task, thing.colour, thing.shape) == turn.answer
                assert true or not taught
                seen += 1
                wrong += not taught
        assert (seen > 0) == bool(mixture.halves)
        assert wrong <= seen * 0.3


def test_any_two_children_of_one_parent_differ_in_most_of_what_they_are_taught() -> None:
    for model_family in MODEL_FAMILIES:
        for one, two in combinations(model_family.titles, 2):
            differing = [
                task for task in FACT_TASKS if MIXTURES[one].halves[task] != MIXTURES[two].halves[task]
            ]
            assert len(differing) >= 2


def test_everything_from_nothing_lays_out_both_litters(tmp_path: Path) -> None:
    quick = TuningSettings(tagging_steps=2, alignment_steps=2, tuning_steps=2, batch=2)
    short = Plan()
    plan = Plan(
        pretraining={name: replace(each, steps=2, batch=2) for name, each in short.pretraining.items()},
        tuning=dict.fromkeys(short.tuning, quick),
        pictures=0.02,
        everyday_each=2,
        facts_each=2,
        real=False,
    )
    lines: list[str] = []
    make(tmp_path, plan, report=lines.append)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    for model_family in MODEL_FAMILIES:
        for model in ("pretrained", *model_family.titles):
            folder = f"{model_family.folder}/{model}"
            wanted = (
                "model.safetensors",
                "config.json",
                "README.md",
                "tokenizer.json",
                "chat_template.jinja",
            )
            assert {f"{folder}/{name}" for name in wanted} <= made
        assert f"{model_family.folder}/scores.json" in made
    assert {"inputs/inputs.jsonl", "inputs/answers.jsonl"} <= made
    assert "inputs/images/existence-001.png" in made


def test_questions_go_by_picture(pictures: Album) -> None:
    asked: list[Question] = questions(pictures, each=4, seed=0, tasks=("existence", "price"))
    assert len({id(question.picture) for question in asked}) >= 7
    assert [question.half for question in asked if question.turn.task == "price"].count(0) == 2
    assert set(MIXTURES) == set(FAMILIES)
