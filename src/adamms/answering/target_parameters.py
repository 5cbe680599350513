"""Which live parameter a tensor on disk becomes: transformers' own name translation, wrapped in one place.

transformers writes the hub's original names and uses others in memory; some models also fuse or split
tensors on the way (experts into one stack, fused projections). Moving a live model from candidate to
candidate (section 3.3) needs that road from disk to memory, tensor by tensor, exactly as `from_pretrained`
takes it. transformers gives no promise of stability for these functions: where they are not as expected, one
sentence says which version is. This file knows nothing of merging or of candidates.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from adamms.errors import SearchError

TESTED = "transformers>=5.23,<5.24"


@dataclass(frozen=True)
class TargetParameter:
    """The tensors on disk that make up one live parameter (or several, where one is split)."""

    sources: tuple[str, ...]
    """Names on disk, in the order in which they are joined."""
    live: str
    """The live parameter's name (the first one's, where a tensor is split)."""
    _patterns: tuple[str, ...] = ()
    _converter: Any = None

    @property
    def plain(self) -> bool:
        """Whether the live parameter is the one tensor as it is on disk."""
        return self._converter is None

    def places(self, live: Tensor) -> list[tuple[str, Tensor]] | None:
        """Each of `sources` with its part of the live parameter; None where only transformers knows.

        Experts that are stacked, and perhaps joined (gate and up) before, are known; other rearrangements are
        not.
        """
        if self._converter is None:
            return [(self.sources[0], live)]
        steps = list(self._converter.operations)
        kinds = [type(step).__name__ for step in steps]
        if kinds[:1] != ["MergeModulelist"] or steps[0].dim != 0:
            return None
        if kinds[1:] not in ([], ["Concatenate"]) or (kinds[1:] and steps[1].dim != 1) or live.dim() < 2:
            return None
        by_pattern: dict[str, list[str]] = {pattern: [] for pattern in self._converter.source_patterns}
        for source, pattern in zip(self.sources, self._patterns, strict=True):
            by_pattern[pattern].append(source)
        joined = [names for names in by_pattern.values() if names]
        if live.shape[1] % len(joined) or any(len(names) != live.shape[0] for names in joined):
            return None
        rows = live.shape[1] // len(joined)
        return [
            (name, live[expert].narrow(0, part * rows, rows))
            for part, names in enumerate(joined)
            for expert, name in enumerate(names)
        ]

    def values(self, tensors: Mapping[str, Tensor], *, model: Any) -> dict[str, Tensor]:
        """The live parameters' values, from the values of all `sources`."""
        if self._converter is None:
            return {self.live: tensors[self.sources[0]]}
        converter = copy.deepcopy(self._converter)
        for source, pattern in zip(self.sources, self._patterns, strict=True):
            converter.add_tensor(self.live, source, pattern, tensors[source])
        converted = converter.convert(self.live, model=model, config=model.config)
        return {name: value[0] if isinstance(value, list) else value for name, value in converted.items()}


def target_parameters(
    model: Any, names: Iterable[str], *, translate: Callable[[str], str] | None = None
) -> list[TargetParameter]:
    """Where the tensors of a checkpoint land in `model`; tensors the model does not use are left out.

    Args:
        model: a transformers model, loaded or on the meta device.
        names: all names of the checkpoint (a fused parameter needs every tensor that goes into it).
        translate: a name on disk -> the live name, for a checkpoint of another code base.
    """
    api = _translation()
    conversions = api.conversions(model)
    renamings = [entry for entry in conversions if isinstance(entry, api.renaming)]
    converters: list[Any] = [entry for entry in conversions if isinstance(entry, api.converter)]
    by_pattern = {pattern: converter for converter in converters for pattern in converter.source_patterns}
    state = model.state_dict()
    prefix = model.base_model_prefix
    sources: dict[str, list[tuple[str, str | None]]] = {}
    # The loader's own order: some renamings look at what came before.
    for name in sorted(names, key=api.order):
        if translate is not None and (live := translate(name)) in state:
            sources.setdefault(live, []).append((name, None))
            continue
        live, pattern = api.rename(name, renamings, converters, prefix, state)
        if live not in state and name in state:
            live, pattern = api.rename(name, [], [], base_model_prefix=prefix, meta_state_dict=state)
        if live in state:
            sources.setdefault(live, []).append((name, pattern))
    result = []
    for live, parts in sources.items():
        pattern = parts[0][1]
        if pattern is None:
            result.append(TargetParameter((parts[-1][0],), live))
            continue
        patterns = tuple(str(part[1]) for part in parts)
        result.append(TargetParameter(tuple(part[0] for part in parts), live, patterns, by_pattern[pattern]))
    return result


@dataclass(frozen=True)
class _Translation:
    """The five things of transformers that this file stands on."""

    conversions: Callable[..., list[Any]]
    rename: Callable[..., tuple[str, str | None]]
    order: Callable[[str], Any]
    renaming: type
    converter: type


def _translation() -> _Translation:
    import transformers

    try:
        from transformers import conversion_mapping, core_model_loading

        api = _Translation(
            conversion_mapping.get_model_conversion_mapping,
            core_model_loading.rename_source_key,
            core_model_loading.dot_natural_key,
            core_model_loading.WeightRenaming,
            core_model_loading.WeightConverter,
        )
        expected = {
            "source_key",
            "weight_renamings",
            "weight_converters",
            "base_model_prefix",
            "meta_state_dict",
        }
        missing = expected - set(inspect.signature(api.rename).parameters)
    except (ImportError, AttributeError) as error:
        missing = {str(error)}
    if missing:
        raise SearchError(
            f"transformers {transformers.__version__} translates weight names in a way AdaMMS does not know "
            f"({sorted(missing)[0]}); a search needs {TESTED}."
        )
    return api
