"""The command line under "Reproduce it" makes the recipe it came from."""

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from adamms import cli
from adamms.errors import RecipeError
from adamms.recipes.recipe import Recipe, make_recipe
from adamms.reports.reproduce import search_command
from adamms.runs import pipeline

SEARCH: dict[str, Any] = {"inputs": Path("in puts.jsonl")}


def made_by(command: str, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """The recipe that the command line hands on."""
    seen: list[Recipe] = []

    def stop(recipe: Recipe, *_: object, **__: object) -> None:
        seen.append(recipe)
        raise RecipeError("enough")

    monkeypatch.setattr(pipeline, "run", stop)
    monkeypatch.setattr(sys, "argv", shlex.split(command.replace("\\\n", "")))
    with pytest.raises(SystemExit):
        cli.main()
    return seen[0]


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"search": {**SEARCH, "rule": "any", "fold_case": True, "ends": "all", "samples": 7, "seed": 3}},
        {"search": {**SEARCH, "alphas": "0,0.5,1", "device": "cpu", "dtype": "float32", "keep_all": True}},
        {"mapping": {"exclude": ["norms", "*.mlp.*"], "duplicates": "original", "file": Path("m.json")}},
        {"merge": {"method": "ties", "settings": {"density": 0.3}}, "pretrained": "p/q"},
        {"search": {**SEARCH, "answers": Path("a.jsonl")}, "merge": {"dtype": "float16"}},
        {"merge": {"threads": 4, "max_shard_size": "5GB"}, "donors": [{"model": "c/d", "alpha": 0.2}]},
        {"donors": [{"model": "c/d"}, {"model": "e", "alpha": [0, 0.5]}], "force": True},
        {
            "search": {**SEARCH, "setting": "density", "values": "0.2:0.8:0.2"},
            "merge": {"method": "ties", "alpha": 0.4},
            "pretrained": "p",
        },
        {"search": {**SEARCH, "rule": "labels", "label_metric": "vqa"}},
    ],
)
def test_the_command_makes_the_same_recipe(parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = make_recipe(base="a/b", donor="some where/it's", **{"search": SEARCH, **parts})

    command = search_command(yaml.safe_load(recipe.to_yaml()))

    assert command is not None
    assert command.startswith("adamms search a/b 'some where/it'\"'\"'s' \\\n    --inputs 'in puts.jsonl'")
    assert made_by(command, monkeypatch) == recipe


def test_what_the_command_line_cannot_say_has_no_command() -> None:
    no_search = make_recipe(base="a", donor="b", merge={"alpha": 0.3})
    by_part = make_recipe(
        base="a", donor="b", search=SEARCH, donors=[{"model": "c", "alpha": {"attention": 0.3}}]
    )

    for recipe in (no_search, by_part):
        assert search_command(yaml.safe_load(recipe.to_yaml())) is None
    assert search_command({}) is None
