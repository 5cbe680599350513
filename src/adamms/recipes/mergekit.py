"""mergekit's YAML for the methods in common, read as a recipe of ours, so that people can move over.

Where our default rule differs from mergekit's, mergekit's is selected and said so. What has no counterpart
here is refused with a sentence. In mergekit's words `base_model` is the ancestor; the first of the other
models is our base, whose layout is kept.
"""

from collections.abc import Mapping
from typing import Any

from adamms.errors import RecipeError
from adamms.merging.parameters import Coefficient
from adamms.recipes.mergekit_parameters import Parameters, changed, largest, least

KNOWN = ("merge_method", "base_model", "models", "parameters", "dtype", "out_dtype")
TOKENIZER = ("tokenizer_source", "tokenizer", "chat_template")
# Keys and parameters of mergekit that change nothing in the merged values here.
HARMLESS = ("int8_mask", "name")
DTYPES = ("bfloat16", "float16", "float32")
ANCESTOR_METHODS = (
    "task_arithmetic",
    "ties",
    "dare_linear",
    "dare_ties",
    "della",
    "della_linear",
    "breadcrumbs",
    "breadcrumbs_ties",
    "sce",
    "model_stock",
)
SIGNED = ("ties", "dare_ties", "della", "breadcrumbs_ties")
FROM_BASE = ("slerp", "nearswap")
METHODS = (*ANCESTOR_METHODS, *FROM_BASE, "linear", "nuslerp", "karcher")


def is_mergekit(data: object) -> bool:
    """Whether a YAML document is mergekit's."""
    return isinstance(data, Mapping) and "merge_method" in data


def recipe_parts(data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parts of our recipe that a mergekit document says, and notes about rules selected.

    Raises:
        RecipeError: it asks for what we do not do.
    """
    method = str(data["merge_method"])
    if method not in METHODS:
        raise RecipeError(f"mergekit's method {method} has no counterpart here; see `adamms methods`.")
    for key in ("slices", "modules"):
        if key in data:
            raise RecipeError(
                f"{key} are not supported: AdaMMS merges whole models with the base's layers. "
                "Where the models are taken whole, list them under models instead."
            )
    for key in data:
        if key not in (*KNOWN, *TOKENIZER, *HARMLESS):
            raise RecipeError(f"mergekit's {key} has no counterpart here; remove it if it does not matter.")
    models, ancestor = _models(data, method)
    if len(models) < 2:
        raise RecipeError("At least two models beside base_model are needed to merge.")
    names = [_reference(model["model"]) for model in models]
    own = [_parameters(model, f"of {name}") for model, name in zip(models, names, strict=True)]
    reader = Parameters(_parameters(data, "of the document"), own, names=names, harmless=HARMLESS)
    settings, notes = _settings(method, reader)
    notes += reader.rest(method)
    merge: dict[str, Any] = {"method": method, "settings": settings}
    if dtype := data.get("out_dtype") or data.get("dtype"):
        merge["dtype"] = str(dtype).removeprefix("torch.")
        if merge["dtype"] not in DTYPES:
            raise RecipeError(f"dtype {dtype!r} is not one of {', '.join(DTYPES)}.")
    alphas = settings.pop("alpha", None)
    parts: dict[str, Any] = {"base": names[0], "donor": names[1], "merge": merge}
    if alphas is not None:
        merge["alpha"] = alphas[0]
    parts["donors"] = [
        {"model": name, **({"alpha": alphas[at]} if alphas and at < len(alphas) else {})}
        for at, name in enumerate(names[2:], start=1)
    ]
    if ancestor:
        parts["pretrained"] = ancestor
        notes.append(f"The layout, config and tokenizer of {names[0]} are kept, not those of base_model.")
    return parts, (*notes, *_tokenizer_notes(data, names[0], ancestor))


def _parameters(data: Mapping[str, Any], whose: str) -> Mapping[str, Any]:
    parameters = data.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise RecipeError(f"The parameters {whose} must be a table of names and values, not {parameters!r}.")
    return parameters


def _models(data: Mapping[str, Any], method: str) -> tuple[list[Mapping[str, Any]], str | None]:
    """The models to merge, ours to keep first, and the ancestor."""
    listed = data.get("models")
    if not isinstance(listed, list) or not all(
        isinstance(each, Mapping) and "model" in each for each in listed
    ):
        raise RecipeError("models must be a list of entries with a model each.")
    for each in listed:
        for key in each:
            if key not in ("model", "parameters"):
                raise RecipeError(f"{_reference(each['model'])} has {key}, which has no counterpart here.")
    base = None if data.get("base_model") is None else _reference(data["base_model"])
    others = [each for each in listed if _reference(each["model"]) != base]
    if method in ANCESTOR_METHODS or (method == "nuslerp" and base):
        if not base:
            raise RecipeError(f"The method {method} needs base_model, the common ancestor.")
        # mergekit lets the ancestor be listed among the models, where it adds nothing.
        return others, base
    if method in FROM_BASE and not base:
        raise RecipeError(f"The method {method} needs base_model, the model that it starts from.")
    if base:
        # For slerp and its like base_model is the end at t = 0; elsewhere one model more.
        own = [each for each in listed if _reference(each["model"]) == base]
        return [*(own or [{"model": base}]), *others], None
    return listed, None


def _reference(model: Any) -> str:
    """A model as mergekit writes it, a name or its parts, in one word: path@revision+adapter."""
    if not isinstance(model, Mapping):
        return str(model)
    if "path" in model:
        return f"{model['path']}@{model['revision']}" if model.get("revision") else str(model["path"])
    whole = _reference(model.get("model"))
    return f"{whole}+{_reference(model['lora'])}" if model.get("lora") else whole


def _tokenizer_notes(data: Mapping[str, Any], base: str, ancestor: str | None) -> list[str]:
    wanted = data.get("tokenizer_source")
    if isinstance(tokenizer := data.get("tokenizer"), Mapping):
        wanted = tokenizer.get("source", "union")
        if tokenizer.get("tokens") or tokenizer.get("pad_to_multiple_of"):
            raise RecipeError("Tokens and padding of a tokenizer cannot be chosen here: the base's is kept.")
    elif tokenizer is not None:
        raise RecipeError(f"tokenizer must be a table with a source, not {tokenizer!r}.")
    if wanted is not None and _reference(wanted) not in ("base", base, ancestor):
        raise RecipeError(
            f"tokenizer_source {_reference(wanted)} has no counterpart here: the tokenizer of {base} is "
            "kept, and rows of tokens that the others lack stay as they are."
        )
    notes = [] if data.get("chat_template") is None else [f"The chat template of {base} is kept."]
    if wanted is not None and not ancestor:
        notes.append(f"The tokenizer of {base} is kept.")
    return notes


def _settings(method: str, reader: Parameters) -> tuple[dict[str, Any], list[str]]:
    if method in ANCESTOR_METHODS and method not in ("sce", "model_stock"):
        return _task_vector_settings(method, reader)
    notes: list[str] = []
    settings: dict[str, Any] = {}
    if method == "linear":
        normalize = reader.flag("normalize", True)
        settings = {**_weights(reader, free=normalize)[0], "normalize": normalize}
    elif method == "nuslerp":
        flat = reader.flag("nuslerp_flatten", True)
        if reader.flag("nuslerp_row_wise", False) and not flat:
            raise RecipeError("nuslerp_row_wise has no counterpart here: a matrix's rows have the angles.")
        settings = {**_weights(reader, free=True)[0], "over": "tensor" if flat else "rows"}
    elif method == "slerp":
        settings["alpha"] = [reader.shared("t", None)]
    elif method == "nearswap":
        settings["t"] = reader.shared("t", None)
    elif method == "karcher":
        count = reader.models
        settings = {"base_weight": 1 / count, "alpha": [1 / count] * (count - 1)}
        rounds, tolerance = reader.plain("max_iter", 10), reader.plain("tol", 1e-5)
        if not rounds.is_integer():
            raise RecipeError(f"max_iter must be a whole number, not {rounds:g}.")
        settings |= {"rounds": int(rounds), "tolerance": tolerance}
        notes.append(f"karcher ends after {rounds:g} rounds or at {tolerance:g} rad, as mergekit's does.")
    elif method == "model_stock":
        settings["over"] = "rows" if reader.flag("filter_wise", False) else "tensor"
    else:
        settings["topk"] = reader.shared("select_topk", 1.0)
    return settings, notes


def _task_vector_settings(method: str, reader: Parameters) -> tuple[dict[str, Any], list[str]]:
    normalize = reader.flag("normalize", method in ("ties", "della"))
    settings, scale = _weights(reader, free=True)
    factor = reader.shared("lambda", 1.0)
    settings["lambda"] = factor if normalize else changed(factor, lambda number: number * scale)
    notes: list[str] = []
    if method in SIGNED:
        settings["consensus"] = "mean" if normalize else "sum"
    else:
        settings["normalize"] = normalize
    densities = [] if method == "task_arithmetic" else reader.per_model("density", 1.0)
    if method == "ties":
        settings |= {**_own("density", densities), "trim": "tensor"}
        settings["rescale"] = "l1" if reader.flag("rescale", False) else "none"
        notes.append(
            "ties trims tensor by tensor, as mergekit does; our own default is the whole task vector."
        )
    elif method.startswith("dare"):
        settings |= _own("drop", [changed(each, lambda number: 1 - number) for each in densities])
    elif method.startswith("della"):
        settings |= _own("density", densities) | _own("epsilon", reader.per_model("epsilon", 0.15))
    elif method.startswith("breadcrumbs"):
        settings |= _own("density", densities) | _own("gamma", reader.per_model("gamma", 0.01))
    if method.startswith(("dare", "della")):
        settings["rescale"] = "l1" if reader.flag("rescale", True) else "none"
        how = "is rescaled to each tensor's L1 norm" if settings["rescale"] == "l1" else "is not rescaled"
        notes.append(
            f"{method} {how}, as mergekit does; the paper divides by the probability of being kept. "
            "The random masks are ours, not mergekit's."
        )
    elif method == "task_arithmetic" or method.startswith("breadcrumbs"):
        _refuse_rescale(method, reader)
    return settings, notes


def _refuse_rescale(method: str, reader: Parameters) -> None:
    # Without thinning nothing is left to rescale; of breadcrumbs we know no such rule.
    if reader.flag("rescale", False) and method != "task_arithmetic":
        raise RecipeError(f"rescale of mergekit's {method} has no counterpart here.")


def _weights(reader: Parameters, *, free: bool) -> tuple[dict[str, Any], float]:
    """The models' weights, divided by a factor where a donor's exceeds 1, and that factor.

    Raises:
        RecipeError: a weight is below 0, or above 1 where it cannot be scaled.
    """
    weights: list[Coefficient] = reader.per_model("weight", None)
    if least(weights) < 0:
        raise RecipeError(f"A weight of {least(weights):g} has no counterpart here: weights are 0 upwards.")
    # Our alpha, a donor's weight, ends at 1; the base's own may be more.
    scale = max(largest(weights[1:]), 1.0)
    if scale > 1 and not free:
        raise RecipeError(f"A weight of {scale:g} that is not normalized has no counterpart here.")
    weights = [changed(weight, lambda number: number / scale) for weight in weights] if scale > 1 else weights
    return {"base_weight": weights[0], "alpha": weights[1:]}, scale


def _own(name: str, values: list[Coefficient]) -> dict[str, Any]:
    """One setting for all models, and those of the models that differ."""
    models = ("base", "donor", *(f"donor{number}" for number in range(2, len(values))))
    each = zip(models, values, strict=True)
    return {name: values[0], **{f"{model}.{name}": value for model, value in each if value != values[0]}}
