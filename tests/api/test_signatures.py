"""What the Python functions take: everything that a recipe can say, by name, and nothing unnamed."""

import inspect
import subprocess
import sys

import pytest

import adamms
from adamms.recipes.options import MappingOptions, MergeOptions, SearchOptions

FUNCTIONS = (
    *("compare", "evaluate", "inspect", "load", "map_parameters"),
    *("merge", "search", "select", "verify"),
)
OTHER_NAMES = {"file": "mapping", "benchmark": "tasks"}
"""Fields of a recipe whose parameter is called otherwise."""


def parameters(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(getattr(adamms, name)).parameters)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_option_has_a_name_and_a_line_in_the_docstring(name: str) -> None:
    documentation = inspect.getdoc(getattr(adamms, name)) or ""
    for parameter in parameters(name).values():
        assert parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        assert f"\n    {parameter.name}: " in documentation


def test_merge_and_search_take_all_that_a_recipe_can_say() -> None:
    of_a_merge = [*MappingOptions.model_fields, *MergeOptions.model_fields, "donors", "pretrained", "force"]
    of_a_search = [name for name in SearchOptions.model_fields if name != "dtype"]
    for function, fields in (("merge", of_a_merge), ("search", [*of_a_merge, *of_a_search, "compute_dtype"])):
        taken = parameters(function)
        assert [name for name in fields if OTHER_NAMES.get(name, name) not in taken] == []


def test_defaults_are_the_recipes() -> None:
    taken = parameters("search")
    for part in (SearchOptions, MappingOptions, MergeOptions):
        for name, field in part.model_fields.items():
            parameter = taken.get(OTHER_NAMES.get(name, name))
            if parameter is None or name in ("dtype", "inputs", "settings", "columns"):
                continue
            assert parameter.default == field.default or (parameter.default, field.default) == ((), None), (
                name
            )


def test_the_public_names_are_listed_and_found() -> None:
    assert set(FUNCTIONS) <= set(dir(adamms))
    assert set(adamms.__all__) <= set(dir(adamms))
    for name in adamms.__all__:
        assert getattr(adamms, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'conjure'"):
        _ = adamms.conjure


def test_importing_and_listing_bring_nothing_heavy() -> None:
    code = (
        "import sys; before = len(sys.modules); import adamms; dir(adamms); adamms.search;"
        "print([name for name in ('torch', 'transformers', 'numpy', 'pydantic', 'rich', 'pandas', 'IPython')"
        " if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
