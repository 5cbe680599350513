"""The architecture tables: what packages register in the group `adamms.architectures`, ours included.

A table is one file with a `Table` and one line in a pyproject.toml (docs/how-to/add-an-architecture.md). Most
models need none.
"""

from collections.abc import Iterable
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from adamms.errors import MappingError
from adamms.mapping.architecture import Table

GROUP = "adamms.architectures"
# As pyproject.toml registers them, for a source tree that runs without being installed.
OURS = {
    "cogvlm": "cogvlm:COGVLM",
    "llama-style": "llama_style:LLAMA_STYLE",
    "mplug-owl2": "mplug_owl2:MPLUG_OWL2",
}


@cache
def tables() -> tuple[Table, ...]:
    """Every installed table, the particular ones before those that fit any decoder.

    Raises:
        MappingError: a package names what cannot be imported, or is no table.
    """
    registered = {entry.name: entry for entry in (*_ours(), *entry_points(group=GROUP))}
    loaded = [_loaded(entry) for entry in registered.values()]
    return tuple(sorted(loaded, key=lambda table: (-len(table.marks), table.name)))


def _ours() -> Iterable[EntryPoint]:
    return (EntryPoint(name, f"{__name__}.{value}", GROUP) for name, value in OURS.items())


def _loaded(entry: EntryPoint) -> Table:
    try:
        table = entry.load()
    except (ImportError, AttributeError) as error:
        raise MappingError(
            f"The architecture {entry.name!r} ({entry.value}) cannot be loaded: {error}; mend or uninstall "
            "the package that brings it."
        ) from error
    if not isinstance(table, Table):
        raise MappingError(
            f"The architecture {entry.name!r} ({entry.value}) is a {type(table).__name__}, not an "
            "adamms.mapping.architecture.Table."
        )
    return table
