"""One in twenty kinds of bad input, met by the command line; `make hostile` runs all."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent.parent


def test_one_kind_in_twenty_is_held() -> None:
    command = [sys.executable, "-m", "hostile", "--quick"]
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
