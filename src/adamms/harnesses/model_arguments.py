"""The arguments of `--model_args`: which models, merged how, answering how.

    base=..,donor=..,alpha=0.2[,method=..,pretrained=..,duplicates=..,vocabulary=..,exclude=..,mapping=..]
    model=FOLDER

and for both `device`, `gpus_per_model`, `dtype`, `batch_size`, `vision_tower`, `trust_remote_code`,
`max_new_tokens`. Whatever else is named is a setting of the merge method (`density=0.5`).
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from adamms.answering.engine import EngineOptions
from adamms.errors import RecipeError
from adamms.recipes.recipe import Recipe, make_recipe

MERGING = (
    "donor",
    "pretrained",
    "alpha",
    "method",
    "duplicates",
    "vocabulary",
    "exclude",
    "allow_partial",
    "mapping",
    "force",
)
ENGINE = tuple(field.name for field in fields(EngineOptions))


def engine_of(arguments: Mapping[str, Any], **defaults: Any) -> EngineOptions:
    """How the model answers; `defaults` where the arguments say nothing.

    Raises:
        RecipeError: a number is none.
    """
    given = {**defaults, **{name: arguments[name] for name in ENGINE if name in arguments}}
    given = {name: _plain(value) for name, value in given.items() if value is not None}
    for name in ("max_new_tokens", "batch_size", "gpus_per_model"):
        value = given.get(name, 1)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            given[name] = value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise RecipeError(f"{name} must be a whole number of at least 1, not {value!r}.")
    if not isinstance(given.get("trust_remote_code", False), bool):
        raise RecipeError("trust_remote_code must be True or False.")
    return replace(EngineOptions(), **given)


def model_of(arguments: Mapping[str, Any]) -> Recipe | str:
    """What is asked: a merge, or the name of a model as it is.

    Raises:
        RecipeError: the arguments name no model, or both kinds.
    """
    merging = {
        name: _plain(value) for name, value in arguments.items() if name not in (*ENGINE, "base", "model")
    }
    model, base = arguments.get("model"), arguments.get("base")
    if model is not None:
        if base is not None or merging:
            more = [*(["base"] if base is not None else []), *merging]
            raise RecipeError(
                f"model= is evaluated as it is; leave out {', '.join(more)}, or name base= and donor=."
            )
        return str(_plain(model))
    if base is None or "donor" not in merging:
        raise RecipeError(
            "Name the models: --model_args base=BASE,donor=DONOR,alpha=0.2, or model=FOLDER for one as it is."
        )
    named = [name for name in ("duplicates", "vocabulary", "allow_partial") if name in merging]
    mapping: dict[str, Any] = {name: merging.pop(name) for name in named}
    if "exclude" in merging:
        mapping["exclude"] = tuple(str(merging.pop("exclude")).split("+"))
    if "mapping" in merging:
        mapping["file"] = merging.pop("mapping")
    pretrained = merging.pop("pretrained", None)
    return make_recipe(
        base=str(_plain(base)),
        donor=str(merging.pop("donor")),
        pretrained=None if pretrained is None else str(pretrained),
        force=merging.pop("force", False),
        mapping=mapping,
        merge={
            "method": merging.pop("method", "linear"),
            "alpha": _alpha(merging.pop("alpha", None)),
            "settings": merging,
        },
    )


def _alpha(value: Any) -> Any:
    """A number; or, as YAML writes them, a list over depth `[0,0.5]` or a table by part."""
    if not isinstance(value, str):
        return value
    import yaml

    from adamms.checkpoints.plain_yaml import read_yaml

    try:
        return read_yaml(value)
    except yaml.YAMLError:
        return value


def _plain(value: Any) -> Any:
    """Without the quotes that keep a comma inside a value together."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
