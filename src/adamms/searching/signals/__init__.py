"""The signals by name: what packages register in the group `adamms.signals`, ours included.

A signal is one file with a `Signal` and one line in a pyproject.toml (docs/how-to/add-a-signal.md).

    table = AnswerTable.of(responses)
    find_signal("confidence").scores(table)      # one number a candidate, higher is better
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from adamms.errors import SearchError, no_such
from adamms.searching.signal import Signal

GROUP = "adamms.signals"

SUPERVISED = "labels"
"""The rule that reads true answers; it is no signal of a label-free search."""

ALIASES = {"paper": "sum", "sure-enough": "confidence-sigmoid"}


@cache
def all_signals() -> tuple[Signal, ...]:
    """Every label-free signal, in the order in which they are shown.

    Raises:
        SearchError: a package registers what cannot be imported, or is no signal.
    """
    signals = [_loaded(entry) for entry in _registered().values()]
    return tuple(sorted(signals, key=lambda signal: (signal.place, signal.name)))


def signal_names() -> tuple[str, ...]:
    """What `--rule` may be without labels."""
    return tuple(signal.name for signal in all_signals())


def supervised() -> Signal:
    """The baseline that reads true answers."""
    # Late: few choices read labels.
    from adamms.searching.signals.labels import SIGNAL

    return SIGNAL


def find_signal(name: str) -> Signal:
    """A signal by its name or an alias; no other is imported.

    Raises:
        SearchError: there is none, or its package cannot be imported.
    """
    wanted = ALIASES.get(name, name)
    if wanted == SUPERVISED:
        return supervised()
    registered = _registered()
    if wanted not in registered:
        raise SearchError(no_such("rule", name, (*signal_names(), *ALIASES)))
    return _loaded(registered[wanted])


def _registered() -> dict[str, EntryPoint]:
    registered = {entry.name: entry for entry in entry_points(group=GROUP)}
    if "sum" not in registered:
        raise SearchError(
            "The installed adamms does not know its own signals: its metadata is older than its code, or it "
            "runs without being installed; `pip install` it again."
        )
    return registered


def _loaded(entry: EntryPoint) -> Signal:
    try:
        signal = entry.load()
    except (ImportError, AttributeError) as error:
        raise SearchError(
            f"The signal {entry.name!r} ({entry.value}) cannot be loaded: {error}; mend or uninstall the "
            "package that brings it."
        ) from error
    if not isinstance(signal, Signal) or signal.name != entry.name:
        what = f"named {signal.name!r}" if isinstance(signal, Signal) else f"a {type(signal).__name__}"
        raise SearchError(
            f"The signal {entry.name!r} ({entry.value}) is {what}; its package must register an "
            "adamms.searching.signal.Signal under the name of its function, with - for _."
        )
    return signal
