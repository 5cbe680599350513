"""All kinds, in groups, their names unique."""

from collections.abc import Iterator

from hostile import inputs, json_files, live, pickles, settings, weights, words
from hostile.kinds import Kind

GROUPS = (json_files, weights, pickles, settings, words, live, inputs)


def every_kind() -> list[Kind]:
    """Every kind of every group."""
    kinds = [kind for group in GROUPS for kind in _of(group)]
    names = [kind.name for kind in kinds]
    assert len(set(names)) == len(names), "two kinds of one name"
    return kinds


def _of(group: object) -> Iterator[Kind]:
    yield from group.kinds()  # type: ignore[attr-defined]
