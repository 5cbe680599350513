"""The program: `python -m adamms` is `adamms`.

Importing the command line takes most of a second on a busy machine. Until it has begun there is nothing to
clean up, so an interrupt ends the process at once and with one line, whichever import it falls into.
"""

import os
import signal
from types import FrameType


def _leave(signum: int, frame: FrameType | None) -> None:
    os.write(2, b"adamms: Interrupted.\n")
    os._exit(130)


def main() -> None:
    """Run the command line."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        # What our parent ignores (nohup) stays ignored.
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, _leave)
    from adamms.cli import main as command_line

    command_line()


if __name__ == "__main__":
    main()
