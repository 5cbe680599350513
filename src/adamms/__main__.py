"""The program: `python -m adamms` is `adamms`.

Importing the command line takes most of a second on a busy machine. Until it has begun there is nothing to
clean up, so an interrupt ends the process at once and with one line, whichever import it falls into. What is
imported before that is what Python has at hand already.
"""

import os

# Without the enumerations of `signal`, which take longer to import than all that is here.
from _signal import SIG_IGN, SIGINT, SIGTERM, getsignal, signal  # type: ignore[import-not-found]


def _leave(*_: object) -> None:
    os.write(2, b"adamms: Interrupted.\n")
    os._exit(130)


def main() -> None:
    """Run the command line."""
    for signum in (SIGINT, SIGTERM):
        # What our parent ignores (nohup) stays ignored.
        if getsignal(signum) != SIG_IGN:
            signal(signum, _leave)
    from adamms.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
