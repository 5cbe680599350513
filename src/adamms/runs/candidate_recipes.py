"""What a search tries and what it chooses, each as the plain merge that it is.

A candidate of a search is the recipe's merge with one value filled in. The chosen one is written beside its
weights as a recipe of its own, so that it can be merged again without a search. Opens nothing.
"""

from adamms.merging import find_method
from adamms.recipes.recipe import Recipe
from adamms.responses.candidates import ALPHA


def candidates_of(recipe: Recipe) -> tuple[float, ...]:
    """The values that the recipe's search tries, ascending.

    Raises:
        SearchError: they are not understood, out of the setting's range, or too few.
        MergeError: the method refuses one.
    """
    # Late: a merge imports this file too.
    from adamms.searching.candidates import parse_values

    assert recipe.search is not None
    name, method = recipe.search.setting, find_method(recipe.merge.method)
    if name == ALPHA:
        return parse_values(recipe.search.alphas, setting=name, low=0, high=1)
    if recipe.searched_donor is not None:
        return parse_values(recipe.search.values or "", setting=name, low=0, high=1)
    setting = method.parameter(name)
    assert setting is not None
    values = parse_values(recipe.search.values or "", setting=name, low=setting.low, high=setting.high)
    for value in values:
        setting.check(int(value) if setting.integer and value.is_integer() else value, method=method.name)
    return values


def with_candidate(recipe: Recipe, value: float) -> Recipe:
    """The merge that a candidate is, without the search."""
    assert recipe.search is not None
    name = recipe.search.setting
    if name == ALPHA:
        return _merging(recipe, alpha=value)
    if (searched := recipe.searched_donor) is not None:
        donors = list(recipe.donors)
        donors[searched] = donors[searched].model_copy(update={"alpha": value})
        return _merging(recipe).model_copy(update={"donors": tuple(donors)})
    setting = find_method(recipe.merge.method).parameter(name)
    whole = setting is not None and setting.integer
    return _merging(recipe, settings={**recipe.merge.settings, name: int(value) if whole else value})


def _merging(recipe: Recipe, **changes: object) -> Recipe:
    return recipe.model_copy(update={"merge": recipe.merge.model_copy(update=changes), "search": None})
