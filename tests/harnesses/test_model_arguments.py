"""What a harness's model arguments mean."""

from typing import Any

import pytest

from adamms.errors import AdaMMSError
from adamms.harnesses.model_arguments import engine_of, model_of
from adamms.recipes.recipe import Recipe


def test_a_merge() -> None:
    arguments = {"base": "b", "donor": "'d,1'", "alpha": 0.2, "duplicates": "matching", "device": "cpu"}
    recipe = model_of({**arguments, "exclude": "norms+lm_head"})

    assert isinstance(recipe, Recipe)
    assert (recipe.base, recipe.donor, recipe.merge.alpha) == ("b", "d,1", 0.2)
    assert recipe.mapping.duplicates == "matching"
    assert recipe.mapping.exclude == ("norms", "lm_head")
    assert recipe.search is None


def test_another_method_and_its_settings() -> None:
    recipe = model_of({"base": "b", "donor": "d", "method": "ties", "pretrained": "p", "density": 0.5})

    assert isinstance(recipe, Recipe)
    assert (recipe.merge.method, recipe.pretrained) == ("ties", "p")
    assert recipe.merge.settings == {"density": 0.5}


def test_alpha_over_depth() -> None:
    recipe = model_of({"base": "b", "donor": "d", "alpha": "[0, 0.5]"})
    assert isinstance(recipe, Recipe)
    assert list(recipe.merge.alpha) == [0, 0.5]


def test_a_model_as_it_is() -> None:
    assert model_of({"model": "folder", "device": "cpu"}) == "folder"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "Name the models"),
        ({"base": "b", "alpha": 0.1}, "Name the models"),
        ({"model": "m", "alpha": 0.1}, "leave out alpha"),
        ({"model": "m", "base": "b"}, "leave out base"),
        ({"base": "b", "donor": "d"}, "alpha"),
        ({"base": "b", "donor": "d", "alpha": 1.5}, "alpha"),
        ({"base": "b", "donor": "d", "alpha": 0.1, "duplicates": "all"}, "duplicates"),
    ],
)
def test_what_is_wrong_is_said(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(AdaMMSError, match=said):
        model_of(arguments)


def test_the_engine() -> None:
    engine = engine_of({"dtype": "bfloat16", "batch_size": "4", "base": "b"}, batch_size=1, max_new_tokens=9)
    assert (engine.dtype, engine.batch_size, engine.max_new_tokens) == ("bfloat16", 4, 9)
    with pytest.raises(AdaMMSError, match="batch_size must be a whole number"):
        engine_of({"batch_size": "many"})
    with pytest.raises(AdaMMSError, match="trust_remote_code"):
        engine_of({"trust_remote_code": "perhaps"})
