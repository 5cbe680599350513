"""mergekit's YAML for the methods in common, read as a recipe of ours, so that people can move over.

Where our default rule differs from mergekit's, mergekit's is selected and said so. What has no counterpart
here is refused with a sentence. In mergekit's words `base_model` is the ancestor; the first of the other
models is our base, whose layout is kept.
"""

from collections.abc import Mapping
from typing import Any

from adamms.errors import RecipeError

KNOWN = ("merge_method", "base_model", "models", "parameters", "dtype")
# Keys of mergekit that change nothing in the merged values here.
HARMLESS = ("int8_mask", "name", "out_dtype", "chat_template")
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
PARTS_BY_FILTER = {"self_attn": "attention", "mlp": "mlp", "layernorm": "norms", "norm": "norms"}


def is_mergekit(data: object) -> bool:
    """Whether a YAML document is mergekit's."""
    return isinstance(data, Mapping) and "merge_method" in data


def recipe_parts(data: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parts of our recipe that a mergekit document says, and notes about rules selected.

    Raises:
        RecipeError: it asks for what we do not do.
    """
    if "slices" in data:
        raise RecipeError("slices are not supported: AdaMMS merges whole models with the base's layers.")
    for key in data:
        if key not in (*KNOWN, *HARMLESS):
            raise RecipeError(f"mergekit's {key} has no counterpart here; remove it if it does not matter.")
    method = str(data["merge_method"])
    models, ancestor = _models(data, method)
    if len(models) < 2:
        raise RecipeError("At least two models beside base_model are needed to merge.")
    reader = _Parameters(data, models)
    settings, notes = _settings(method, reader)
    merge: dict[str, Any] = {"method": method, "settings": settings}
    if data.get("dtype"):
        if data["dtype"] not in DTYPES:
            raise RecipeError(f"dtype {data['dtype']!r} is not one of {', '.join(DTYPES)}.")
        merge["dtype"] = data["dtype"]
    alphas = settings.pop("alpha", None)
    parts: dict[str, Any] = {"base": _name(models[0]), "donor": _name(models[1]), "merge": merge}
    if alphas is not None:
        merge["alpha"] = alphas[0]
    parts["donors"] = [
        {"model": _name(model), **({"alpha": alphas[at]} if alphas else {})}
        for at, model in enumerate(models[2:], start=1)
    ]
    if ancestor:
        parts["pretrained"] = ancestor
    return parts, notes


def _models(data: Mapping[str, Any], method: str) -> tuple[list[Mapping[str, Any]], str | None]:
    listed = data.get("models")
    if not isinstance(listed, list) or not all(
        isinstance(each, Mapping) and "model" in each for each in listed
    ):
        raise RecipeError("models must be a list of entries with a model each.")
    base = data.get("base_model")
    if method in ANCESTOR_METHODS or (method == "nuslerp" and base):
        if not base:
            raise RecipeError(f"The method {method} needs base_model, the common ancestor.")
        # mergekit lets the ancestor be listed among the models, where it adds nothing.
        return [each for each in listed if each["model"] != base], str(base)
    if base:
        # For slerp and its like base_model is the end at t = 0.
        listed = sorted(listed, key=lambda each: each["model"] != base)
        if listed[0]["model"] != base:
            listed = [{"model": base}, *listed]
    return listed, None


def _name(model: Mapping[str, Any]) -> str:
    return str(model["model"])


class _Parameters:
    """mergekit's parameters: a model's own, otherwise the document's; remembers what was asked for."""

    def __init__(self, data: Mapping[str, Any], models: list[Mapping[str, Any]]) -> None:
        self._shared = data.get("parameters") or {}
        self._own = [model.get("parameters") or {} for model in models]
        self._asked = list(HARMLESS)

    def flag(self, name: str, default: bool) -> bool:
        return bool(self.shared(name, default))

    def shared(self, name: str, default: Any) -> Any:
        """One value for all models."""
        self._asked.append(name)
        values = [own.get(name, self._shared.get(name, default)) for own in self._own]
        if any(value != values[0] for value in values):
            raise RecipeError(f"{name} differs from model to model ({values}); here it is one for all.")
        return values[0]

    def weights(self, default: float) -> list[Any]:
        """Every model's weight, as a coefficient of ours."""
        self._asked.append("weight")
        return [_coefficient(own.get("weight", self._shared.get("weight", default))) for own in self._own]

    def refuse_rest(self, method: str) -> None:
        for parameters in (self._shared, *self._own):
            for name in parameters:
                if name not in self._asked:
                    raise RecipeError(f"The parameter {name} of mergekit's {method} has no counterpart here.")


def _coefficient(value: Any) -> Any:
    """A number, a gradient, or mergekit's list of filters as a table of ours."""
    if not (isinstance(value, list) and value and isinstance(value[0], Mapping)):
        return value
    table: dict[str, Any] = {}
    for entry in value:
        name = entry.get("filter")
        # mergekit's filters are found anywhere in a tensor's name.
        key = "default" if name in (None, "*") else PARTS_BY_FILTER.get(str(name), f"*{name}*")
        table.setdefault(key if name not in PARTS_BY_FILTER else f"*{name}*", entry["value"])
    return table


def _plain(weights: list[Any], why: str) -> list[float]:
    if not all(isinstance(weight, int | float) for weight in weights):
        raise RecipeError(f"Weights by layer or filter cannot be {why} here; give plain numbers.")
    return [float(weight) for weight in weights]


def _settings(method: str, reader: _Parameters) -> tuple[dict[str, Any], tuple[str, ...]]:
    settings: dict[str, Any] = {}
    notes: list[str] = []
    if method == "linear":
        weights = reader.weights(1.0)
        if reader.flag("normalize", True):
            plain = _plain(weights, "normalized")
            weights = [weight / sum(plain) for weight in plain]
        settings = _weighted(weights)
    elif method in ("slerp", "nuslerp"):
        if method == "slerp":
            settings["alpha"] = [_coefficient(reader.shared("t", None))]
        else:
            first, second = _plain(reader.weights(1.0), "turned into a share")
            settings["alpha"] = [second / (first + second)]
            settings["over"] = "tensor" if reader.flag("nuslerp_flatten", True) else "rows"
    elif method == "nearswap":
        settings["t"] = reader.shared("t", 0.001)
    elif method == "karcher":
        count = len(reader.weights(1.0))
        settings["alpha"] = [1 / count] * (count - 1)
    elif method == "model_stock":
        settings["over"] = "rows" if reader.flag("filter_wise", False) else "tensor"
    elif method == "sce":
        settings["topk"] = float(reader.shared("select_topk", 1.0))
    elif method in ANCESTOR_METHODS:
        settings, notes = _task_vector_settings(method, reader)
    else:
        raise RecipeError(f"mergekit's method {method} has no counterpart here; see `adamms methods`.")
    reader.refuse_rest(method)
    return settings, tuple(notes)


def _task_vector_settings(method: str, reader: _Parameters) -> tuple[dict[str, Any], list[str]]:
    normalize = reader.flag("normalize", method in ("ties", "della"))
    weights, scale = reader.weights(1.0), 1.0
    numbers = [weight for weight in weights if isinstance(weight, int | float)]
    if len(numbers) == len(weights) and max(numbers) > 1:
        # Weights beyond 1 are the same as smaller ones with a larger lambda.
        weights, scale = [weight / max(numbers) for weight in numbers], float(max(numbers))
    settings = _weighted(weights)
    settings["lambda"] = float(reader.shared("lambda", 1.0)) * (1.0 if normalize else scale)
    notes: list[str] = []
    if method in SIGNED:
        settings["consensus"] = "mean" if normalize else "sum"
    else:
        settings["normalize"] = normalize
    if method == "ties":
        settings |= {"density": float(reader.shared("density", 1.0)), "trim": "tensor"}
        settings["rescale"] = "l1" if reader.flag("rescale", False) else "none"
        notes.append(
            "ties trims tensor by tensor, as mergekit does; our own default is the whole task vector."
        )
    elif method.startswith("dare"):
        settings["drop"] = 1 - float(reader.shared("density", 1.0))
    elif method.startswith("della"):
        settings["density"] = float(reader.shared("density", 1.0))
        settings["epsilon"] = float(reader.shared("epsilon", 0.15))
    elif method.startswith("breadcrumbs"):
        settings["density"] = float(reader.shared("density", 1.0))
        settings["gamma"] = float(reader.shared("gamma", 0.01))
    if method.startswith(("dare", "della")):
        settings["rescale"] = "l1" if reader.flag("rescale", True) else "none"
        notes.append(
            f"{method} is rescaled to each tensor's L1 norm, as mergekit does; the paper divides by the "
            "probability of being kept. The random masks are ours, not mergekit's."
        )
    return settings, notes


def _weighted(weights: list[Any]) -> dict[str, Any]:
    return {"base_weight": weights[0], "alpha": weights[1:]}
