"""What a search tries and what it chooses, each as the plain merge that it is.

A candidate of a search, and the point that a walk ended at, is the recipe's merge with one value filled in.
The chosen one is written beside its weights as a recipe of its own, so that it can be merged again without a
search. Opens nothing.
"""

from adamms.merging import find_method
from adamms.recipes.recipe import Recipe
from adamms.responses import parse_values
from adamms.responses.candidates import ALPHA
from adamms.searching import Selection
from adamms.searching.coordinates import Coordinates, Point


def candidates_of(recipe: Recipe) -> tuple[float, ...]:
    """The values that the recipe's search tries, ascending.

    Raises:
        SearchError: they are not understood, out of the setting's range, or too few.
        MergeError: the method refuses one.
    """
    assert recipe.search is not None
    name, method = recipe.search.setting, find_method(recipe.merge.method)
    if name == ALPHA:
        return parse_values(recipe.search.alphas, setting=name, low=0, high=1)
    setting = method.setting(name)
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
    setting = find_method(recipe.merge.method).setting(name)
    whole = setting is not None and setting.integer
    return _merging(recipe, settings={**recipe.merge.settings, name: int(value) if whole else value})


def with_point(recipe: Recipe, coordinates: Coordinates, point: Point) -> Recipe:
    """The merge that a point of a walk is, without the search."""
    if coordinates.by != "donor":
        return _merging(recipe, alpha=coordinates.coefficient(point))
    donors = tuple(
        each.model_copy(update={"alpha": alpha}) for each, alpha in zip(recipe.donors, point[1:], strict=True)
    )
    return _merging(recipe, alpha=point[0]).model_copy(update={"donors": donors})


def chosen_merge(recipe: Recipe, selection: Selection) -> Recipe:
    """The merge that a search chose: a candidate, or where the walk from it ended."""
    if selection.walk is not None and selection.walk.accepted:
        return with_point(recipe, selection.walk.coordinates, selection.walk.selected)
    return with_candidate(recipe, selection.selected)


def coordinates_of(recipe: Recipe) -> Coordinates:
    """What the recipe's walk moves."""
    assert recipe.search is not None and recipe.search.by is not None
    share = find_method(recipe.merge.method).base_weight == "rest"
    return Coordinates.of(recipe.search.by, donors=1 + len(recipe.donors), donors_share=share)


def start_of(recipe: Recipe, coordinates: Coordinates, alpha: float) -> Point:
    """Where a walk begins: the best alpha on every coordinate, or the donors' own numbers."""
    if coordinates.by != "donor":
        return (alpha,) * len(coordinates.names)
    return (alpha, *(alpha if each.alpha is None else float(each.alpha) for each in recipe.donors))


def _merging(recipe: Recipe, **changes: object) -> Recipe:
    return recipe.model_copy(update={"merge": recipe.merge.model_copy(update=changes), "search": None})
