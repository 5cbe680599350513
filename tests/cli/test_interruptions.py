"""An interrupt is told as one wherever it falls."""

import subprocess
import sys

CODE = """
import adamms.cli

def app(**options):
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt as error:  # as Python says it while a class is being made
        raise RuntimeError("Error calling __set_name__ on 'cached_property'") from error

adamms.cli.app = app
adamms.cli.main()
"""


def test_an_interrupt_that_python_wrapped_is_an_interrupt() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "adamms: Interrupted.\n")
