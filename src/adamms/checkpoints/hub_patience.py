"""How long a hub is waited for: a limit for whatever is asked of it, and some patience where it is busy.

The library's own timeouts are for the next byte, so a hub that drips is waited for without end, as is one
that sends `Retry-After: 1000000`. Here what is asked runs beside, and whoever asked leaves when time is up.
"""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError

from adamms.errors import MachineError

ANSWER = 120.0
"""Seconds for an answer, or for a block of a file."""
STALLED = 600.0
"""Seconds without `LEAST` more bytes of a transfer."""
LEAST = 1 << 20
LOOK = 0.25
"""Seconds between two looks at how far a transfer is."""
BUSY = (429, 502, 503, 504)
WAITS = (1.0, 2.0, 4.0)
"""Seconds before it is asked again, where a busy hub does not say."""
LONGEST_WAIT = 30.0
"""Seconds that a hub may ask for; of one that asks for more it is said at once."""
NAME = "adamms-hub"
"""What the threads are called that may still wait when somebody has given up."""

T = TypeVar("T")


def within(
    action: Callable[[], T],
    *,
    what: str,
    seconds: float | None = None,
    progress: Callable[[], int] | None = None,
) -> T:
    """What `action` returns or raises, if it does so in time.

    Args:
        action: runs in a thread of its own, which is left behind where time is up.
        what: for the message: "X did not answer".
        seconds: the limit; `ANSWER` when left out, `STALLED` for a transfer.
        progress: the bytes of a transfer so far; the time begins anew with every `LEAST` more.

    Raises:
        MachineError: time is up.
    """
    limit = seconds if seconds is not None else STALLED if progress else ANSWER
    result: list[T] = []
    failure: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            result.append(action())
        except BaseException as error:
            failure.append(error)
        finally:
            done.set()

    threading.Thread(target=run, name=NAME, daemon=True).start()
    since, moved = time.monotonic(), progress() if progress else 0
    while not done.wait(LOOK if progress else limit):
        if progress and (now := progress()) >= moved + LEAST:
            since, moved = time.monotonic(), now
        if time.monotonic() - since >= limit:
            raise MachineError(f"{what} for {limit:.0f} s; try again later.")
    if failure:
        raise failure[0]
    return result[0]


def retried(action: Callable[[], T]) -> T:
    """What `action` returns, tried again a few times where the hub is busy, after as long as it asks for."""
    for wait in WAITS:
        try:
            return action()
        except HfHubHTTPError as error:
            if error.response.status_code not in BUSY:
                raise
            asked = error.response.headers.get("Retry-After", "")
            wait = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else wait
            if wait > LONGEST_WAIT:
                raise
            time.sleep(wait)
    return action()


def is_waiting() -> bool:
    """Whether something that was given up is still waited for, so that an orderly exit might be, too."""
    return any(thread.name == NAME for thread in threading.enumerate())
