"""The signals by name. Adding one is adding its file and its name to `FILES`.

from adamms.searching.signals import all_signals, find_signal

table = AnswerTable.of(responses)
find_signal("confidence").scores(table)      # one number a candidate, higher is better
"""

from functools import cache
from importlib import import_module

from adamms.errors import SearchError
from adamms.searching.answer_table import AnswerTable as AnswerTable
from adamms.searching.signal import Signal as Signal

FILES = (
    "sum_rule",
    "any_rule",
    "previous_rule",
    "weighted_vote",
    "vote_and_confidence",
    "confidence",
    "sure_enough",
    "first_token_entropy",
)

SUPERVISED = "labels"
"""The rule that reads true answers; it is no signal of a label-free search."""

ALIASES = {"paper": "sum"}


@cache
def all_signals() -> tuple[Signal, ...]:
    """Every label-free signal, in the order in which they are shown."""
    return tuple(import_module(f"{__name__}.{name}").SIGNAL for name in FILES)


def signal_names() -> tuple[str, ...]:
    """What `--rule` may be without labels."""
    return tuple(signal.name for signal in all_signals())


def supervised() -> Signal:
    """The baseline that reads true answers."""
    found: Signal = import_module(f"{__name__}.{SUPERVISED}").SIGNAL
    return found


def find_signal(name: str) -> Signal:
    """A signal by name; `paper` is `sum`.

    Raises:
        SearchError: there is none.
    """
    wanted = ALIASES.get(name, name)
    for signal in (*all_signals(), supervised()):
        if signal.name == wanted:
            return signal
    raise SearchError(f"There is no rule {name!r}; there is: {', '.join((*signal_names(), *ALIASES))}.")
