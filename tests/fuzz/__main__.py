"""`python -m fuzz [--seconds 30] [TARGET ...]`: atheris on every reader, each in a process of its own."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz.corpus import CORPUS
from fuzz.targets import TARGETS


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS))
    parser.add_argument("--seconds", type=int, default=30)
    options = parser.parse_args()
    failed, tried = [], 0
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    for name in options.targets:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            for number, raw in enumerate(CORPUS[name]):
                (Path(folder) / f"seed{number}").write_bytes(raw)
            limits = [
                f"-max_total_time={options.seconds}",
                "-rss_limit_mb=1500",
                "-timeout=10",
                "-max_len=4096",
            ]
            command = [sys.executable, "-m", "fuzz.coverage_guided", name, *limits, folder]
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", cwd=folder, env=environment
            )
        cases = re.findall(
            r"#(\d+)\s+DONE|stat::number_of_executed_units:\s*(\d+)|Done (\d+) runs", done.stderr
        )
        count = max((int(number) for groups in cases for number in groups if number), default=0)
        tried += count
        print(f"{name:14} {count:9,} cases, {'held' if done.returncode == 0 else 'NOT HELD'}", flush=True)
        if done.returncode:
            failed.append(name)
            print("\n".join(done.stderr.splitlines()[-40:]))
    print(f"{'all':14} {tried:9,} cases, {len(failed)} of {len(options.targets)} readers not held")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
