"""Which of a model's tensors an adapter changes, and by which of its own: checked shapes, nothing left over.

An adapter is named after the modules in memory of the class that it was trained with, and those change from
one version of transformers to the next: `model.layers.0...` on disk was `language_model.model.layers.0...`
and is `model.language_model.layers.0...`. So a name is looked up as it is first, and then without the words
that only wrap a model in another. What fits nothing, or more than one tensor, is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from adamms.checkpoints.floats import FLOATS
from adamms.checkpoints.tensor_info import TensorInfo
from adamms.errors import CheckpointError

if TYPE_CHECKING:
    from adamms.adapters.adapter import Adapter, LoraModule

# Words that stand for a model inside a model; a tower's own words (`visual`, `vision_tower.encoder`) tell its
# layers from the language model's.
WRAPPERS = ("model", "language_model", "text_model", "vision_model", "llm")


@dataclass(frozen=True)
class LowRank:
    """`scaling * left @ right`, added to a tensor's rows.

    Attributes:
        left: the adapter's tensor whose rows (columns, if `transposed`) are the weight's rows.
        right: the other one; None where `left` is a vector that is added to a bias.
        transposed: both are stored the other way round, as embeddings' and `fan_in_fan_out`'s are.
        rank: r.
        scaling: the factor.
        magnitude: DoRA's length of every row, if it is one.
    """

    left: str
    right: str | None
    transposed: bool
    rank: int
    scaling: float
    magnitude: str | None = None


@dataclass(frozen=True)
class Change:
    """What becomes of one tensor: first replaced by an adapter's tensor, then moved by its matrices."""

    replacement: str | None = None
    low_rank: LowRank | None = None


def targets(adapter: "Adapter", tensors: Mapping[str, TensorInfo], *, model: str) -> dict[str, Change]:
    """What an adapter does to a model, by the names of the model's tensors, in the model's order.

    Args:
        adapter: the adapter.
        tensors: the model's tensors.
        model: the model, for messages.

    Raises:
        CheckpointError: the adapter does not fit the model.
    """
    return _Targets(adapter, tensors, model).changes()


class _Targets:
    def __init__(self, adapter: "Adapter", tensors: Mapping[str, TensorInfo], model: str) -> None:
        self._adapter = adapter
        self._tensors = tensors
        self._model = model
        modules = [module.name for module in adapter.modules]
        self._strengths = adapter.settings.strengths(modules, source=adapter.source)
        self._by_key: dict[tuple[str, ...], list[str]] = {}
        for name in tensors:
            self._by_key.setdefault(_key(name), []).append(name)

    def changes(self) -> dict[str, Change]:
        changes: dict[str, Change] = {}
        for name, stored in self._adapter.replacements.items():
            target = self._find(name, stored)
            if target in changes:
                raise self._wrong(f"{changes[target].replacement} and {stored} both replace {target}")
            self._same_shape(stored, self._tensors[target].shape, target)
            changes[target] = Change(replacement=stored)
        moved: dict[str, LowRank] = {}
        for module in self._adapter.modules:
            for target, low_rank in self._of(module):
                if target in moved:
                    raise self._wrong(f"{moved[target].left} and {low_rank.left} both change {target}")
                moved[target] = low_rank
                changes[target] = Change(changes[target].replacement if target in changes else None, low_rank)
        for target in changes:
            if self._tensors[target].dtype not in FLOATS:
                raise CheckpointError(
                    f"{target} in {self._model} is stored as {self._tensors[target].dtype}, and the adapter "
                    f"{self._adapter.source} can be added to bfloat16, float16 or float32 only; give an "
                    "unquantised copy of the model."
                )
        return {name: changes[name] for name in self._tensors if name in changes}

    def _of(self, module: "LoraModule") -> Iterator[tuple[str, LowRank]]:
        held = dict(module.tensors)
        embedding = "lora_embedding_A" in held or "lora_embedding_B" in held
        kinds = ("lora_embedding_A", "lora_embedding_B") if embedding else ("lora_A", "lora_B")
        first = next(iter(held.values()))
        lacking = [kind for kind in kinds if kind not in held]
        if lacking:
            raise self._wrong(f"{first} has no {lacking[0]} beside it")
        a, b = (held.pop(kind) for kind in kinds)
        target = self._find(f"{module.name}.weight", a)
        settings = self._adapter.settings
        transposed = embedding or settings.transposed
        rank, scaling = self._strengths[module.name]
        self._fits(a, b, target, rank=rank, transposed=transposed)
        magnitude = held.pop("lora_magnitude_vector", None)
        if (magnitude is not None) is not settings.dora:
            what = "no lora_magnitude_vector" if magnitude is None else "a lora_magnitude_vector"
            raise self._wrong(f"{module.name} has {what}, though use_dora is {magnitude is None}")
        if magnitude is not None:
            if transposed:
                raise CheckpointError(
                    f"The adapter {self._adapter.source} has DoRA on {module.name}, whose lengths run over "
                    "the rows of the stored matrix (an embedding, or fan_in_fan_out); let PEFT merge it "
                    "(merge_and_unload) and give the merged model."
                )
            self._same_count(magnitude, self._tensors[target].shape[0], target)
        left, right = (a, b) if transposed else (b, a)
        yield target, LowRank(left, right, transposed, rank, scaling, magnitude)
        if bias := held.pop(f"{kinds[1]}.bias", None):
            target = self._find(f"{module.name}.bias", bias)
            self._same_count(bias, prod(self._tensors[target].shape), target)
            yield target, LowRank(bias, None, False, 1, scaling)
        if held:
            raise self._wrong(f"{next(iter(held.values()))} is not understood")

    def _fits(self, a: str, b: str, target: str, *, rank: int, transposed: bool) -> None:
        """Insist that A and B have the shapes that the settings and the model's weight ask for."""
        shape = self._tensors[target].shape
        rows, width = (shape[0], prod(shape[1:])) if len(shape) > 1 else (0, 0)
        inputs, outputs = (rows, width) if transposed else (width, rows)
        stored_a, stored_b = self._adapter.stored.tensors[a].shape, self._adapter.stored.tensors[b].shape
        fits = (
            len(stored_a) > 1
            and len(stored_b) > 1
            and (stored_a[0], prod(stored_a[1:])) == (rank, inputs)
            and (stored_b[0], prod(stored_b[1:])) == (outputs, rank)
        )
        if not fits:
            raise CheckpointError(
                f"The adapter {self._adapter.source} was trained for another model: with rank {rank}, "
                f"{target} {shape} of {self._model} needs A ({rank}, {inputs}) and B ({outputs}, {rank}), "
                f"and {a} is {stored_a}, {b} {stored_b}."
            )

    def _same_shape(self, stored: str, shape: tuple[int, ...], target: str) -> None:
        if self._adapter.stored.tensors[stored].shape != shape:
            hint = ""
            if len(shape) == 2 and self._adapter.stored.tensors[stored].shape[1:] == shape[1:]:
                hint = "; if its vocabulary was resized, save the resized model first"
            raise CheckpointError(
                f"The adapter {self._adapter.source} was trained for another model: {stored} is "
                f"{self._adapter.stored.tensors[stored].shape}, {target} of {self._model} {shape}{hint}."
            )

    def _same_count(self, stored: str, count: int, target: str) -> None:
        if self._adapter.stored.tensors[stored].numel != count:
            raise CheckpointError(
                f"The adapter {self._adapter.source} was trained for another model: {stored} has "
                f"{self._adapter.stored.tensors[stored].numel} values and {target} of {self._model} needs "
                f"{count}."
            )

    def _find(self, name: str, stored: str) -> str:
        """The model's tensor of a name in memory."""
        if name in self._tensors:
            return name
        candidates = self._by_key.get(_key(name), [])
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise self._wrong(
                f"{stored} may be for {candidates[0]} or for {candidates[1]} of {self._model}; rename "
                "it after one of the two"
            )
        tied = _key(name)[0] == "lm_head" and any(
            _key(tensor)[-2:-1] == ("embed_tokens",) for tensor in self._tensors
        )
        hint = " (its head is tied to its embeddings)" if tied else ""
        raise CheckpointError(
            f"{stored} of the adapter {self._adapter.source} fits no tensor of {self._model}{hint}; give the "
            f"model that the adapter was trained on{self._trained_on()}."
        )

    def _trained_on(self) -> str:
        named = self._adapter.stored.config.get("base_model_name_or_path")
        return f" ({named})" if isinstance(named, str) and named else ""

    def _wrong(self, what: str) -> CheckpointError:
        return CheckpointError(f"The adapter {self._adapter.source} cannot be used: {what}.")


def _key(name: str) -> tuple[str, ...]:
    """A name without the words that only wrap, and without a word repeated at once."""
    words: list[str] = []
    for word in name.split("."):
        if word not in WRAPPERS and words[-1:] != [word]:
            words.append(word)
    return tuple(words)
