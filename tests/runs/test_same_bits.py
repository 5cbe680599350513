"""A search that was killed and resumed is the unbroken one, to the last bit of every number."""

import os
import subprocess
import sys
import time
from pathlib import Path

from adamms.zoo import shipped_pair

PAIR = shipped_pair()


def command(out: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "adamms", "search", str(PAIR.base), str(PAIR.donor), *more),
        *("--inputs", str(PAIR.inputs), "--out", str(out), "--samples", "36"),
        *("--max-new-tokens", "5", "--alphas", "0:0.6:0.3"),
    ]


def test_a_search_killed_between_two_slices_ends_in_the_same_bits(tmp_path: Path) -> None:
    # Threads share out sums: as many in both.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    unbroken, out = tmp_path / "unbroken", tmp_path / "killed"
    subprocess.run(command(unbroken), check=True, capture_output=True, env=environment)
    answers = tmp_path / ".killed.adamms-partial" / "responses"
    for file, lines in (("donor.jsonl", 1), ("opinions.jsonl", 17)):
        process = subprocess.Popen(
            command(out, "--resume"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        while process.poll() is None:
            if (answers / file).is_file() and (answers / file).read_bytes().count(b"\n") >= lines:
                process.kill()
            time.sleep(0.002)
        process.wait()
    subprocess.run(command(out, "--resume"), check=True, capture_output=True, env=environment)
    for file in sorted(unbroken.rglob("*.json*")):
        if file.name != "log.jsonl":
            assert (out / file.relative_to(unbroken)).read_bytes() == file.read_bytes(), file
