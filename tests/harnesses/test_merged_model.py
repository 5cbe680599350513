"""A merged model in memory: what it answers is what the written merge answers."""

from pathlib import Path

import pytest
from PIL import Image

from adamms import merge
from adamms.answering.engine import EngineOptions
from adamms.errors import RecipeError, SearchError
from adamms.evaluation.answering import answer
from adamms.harnesses.merged_model import Asked, MergedModel
from adamms.recipes.recipe import make_recipe
from adamms.responses import Example, read_inputs
from adamms.zoo import shipped_pair

ENGINE = EngineOptions(max_new_tokens=8, batch_size=4, device="cpu")
COUNT = 6


def questions(examples: list[Example]) -> list[Asked]:
    return [Asked((Image.open(example.images[0]),), example.prompt) for example in examples]


@pytest.mark.parametrize(
    "name", ["qwen2-vl-llava-onevision", "cogvlm-mplug_owl2", "mplug_owl2-cogvlm", "llava-cogvlm"]
)
def test_answers_are_those_of_the_written_merge(name: str, tmp_path: Path) -> None:
    pair = shipped_pair(name)
    examples = read_inputs(pair.inputs)[:COUNT]
    merge(pair.base, pair.donor, tmp_path / "merged", alpha=0.3)
    expected = {each.id: each.response for each in answer(str(tmp_path / "merged"), examples, engine=ENGINE)}
    recipe = make_recipe(base=str(pair.base), donor=str(pair.donor), merge={"alpha": 0.3})

    model = MergedModel.of_recipe(recipe, engine=ENGINE)
    answered = dict(model.answer(questions(examples)))

    assert [answered[index].text for index in range(COUNT)] == [expected[each.id] for each in examples]
    assert any(expected.values())
    # One at a time, as in batches.
    alone = [next(iter(model.answer([question])))[1] for question in questions(examples)]
    assert alone == [answered[index] for index in range(COUNT)]


@pytest.fixture(scope="module")
def model() -> MergedModel:
    return MergedModel.of_folder(str(shipped_pair().base), engine=ENGINE)


def test_each_question_has_its_own_limit_and_ends(model: MergedModel) -> None:
    example = read_inputs(shipped_pair().inputs)[0]
    image = Image.open(example.images[0])
    asked = [
        Asked((image,), example.prompt),
        Asked((image,), example.prompt, max_new_tokens=1),
        Asked((image,), example.prompt, until=("zzz", "r")),
        Asked((image,), example.prompt, until=("",)),
    ]

    found = dict(model.answer(asked))

    assert found[0].text == "thirty"
    assert found[1].tokens == 1
    assert found[2].text == "thi"
    assert found[3].text == "thirty"


def test_a_question_that_cannot_be_asked_is_answered_with_nothing_and_told(model: MergedModel) -> None:
    example = read_inputs(shipped_pair().inputs)[0]
    image = Image.open(example.images[0])
    endless = Asked((image,), "what ? " * 3000)

    found = dict(model.answer([Asked((image,), example.prompt), endless]))

    assert (found[0].text, found[1].text) == ("thirty", "")
    assert len(model.refused) == 1
    assert "tokens long" in model.refused[0]
    with pytest.raises(SearchError, match="None of 1 questions can be asked"):
        dict(model.answer([endless]))


def test_a_search_is_no_merge() -> None:
    recipe = make_recipe(base="a", donor="b", search={"inputs": "x.jsonl"})
    with pytest.raises(RecipeError, match="leave the search out"):
        MergedModel.of_recipe(recipe)
