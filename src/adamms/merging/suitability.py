"""Whether a method and its models fit each other, from headers alone, before anything long begins.

Single settings were checked when they were made; here every tensor's own values are: coefficients that leave
the base less than nothing, probabilities beyond 1, and dtypes that cannot be interpolated.
"""

from fnmatch import fnmatchcase

from adamms.errors import MergeError
from adamms.merging.coefficients import DEFAULT, PARTS
from adamms.merging.dtypes import ITEMSIZES
from adamms.merging.merge_inputs import MappedCheckpoint, MergeInputs
from adamms.merging.method import Method


def check_merge(parents: MergeInputs, method: Method) -> None:
    """Insist that a merge can be done at every tensor that it changes.

    Raises:
        MergeError: a tensor cannot be interpolated, or the settings are out of range at one.
    """
    views = parents.views_for(method)
    changed = parents.changed(method)
    for name in changed:
        if not any(parents.weights(name, method)) and len(views) == len(parents.donors):
            raise MergeError(f"All weights are 0 at {name}, so nothing would be left of it; raise one.")
        parents.settings_at(name, method)
    stored = [_other_dtypes(parents, view, changed) for view in views]
    own = {name: parents.base.tensors[name].dtype for name in changed}
    stored.insert(0, {name: dtype for name, dtype in own.items() if dtype not in ITEMSIZES})
    sources = (parents.base, *(view.checkpoint for view in views))
    for model, found in zip(sources, stored, strict=True):
        if found:
            name, dtype = next(iter(found.items()))
            more = f" (and {len(found) - 1} more tensors)" if len(found) > 1 else ""
            raise MergeError(
                f"{name} in {model.source} is stored as {dtype}{more}, which cannot be interpolated; "
                "merge an unquantised copy of the model (bfloat16, float16 or float32)."
            )


def unmatched(parents: MergeInputs, method: Method) -> tuple[tuple[str, str], ...]:
    """The settings, and the patterns of tensor names in them that fit no tensor of the base."""
    names = tuple(parents.base.tensors)
    return tuple(
        (setting, entry)
        for setting, value in method.settings.items()
        for table in (value if isinstance(value, tuple) else (value,))
        if isinstance(table, dict)
        for entry in table
        if entry not in (*PARTS, DEFAULT) and not any(fnmatchcase(name, entry) for name in names)
    )


def _other_dtypes(parents: MergeInputs, view: MappedCheckpoint, changed: tuple[str, ...]) -> dict[str, str]:
    """The tensors that a view gives to the merge and that are no floating numbers, with their dtypes."""
    used = dict.fromkeys(piece.donor for name in changed for piece in view.mapped.pieces(name))
    dtypes = {name: view.checkpoint.tensors[name].dtype for name in used}
    return {name: dtype for name, dtype in dtypes.items() if dtype not in ITEMSIZES}
