"""Merging against the least it can cost: a C program, and against the whole-model way of merging.

    python benchmarks/bench_floor.py --size S                 # needs a C compiler (cc)

Three ways to the same linear merge of two bfloat16 checkpoints of one layout, run in turn: `adamms merge`;
a C program that reads, interpolates in float32, rounds and writes block by block; and what published scripts
do, both state dicts in memory, merged tensor by tensor in their own dtype and saved. Start-up is what the
same command takes for a model of a few kilobytes. Our output must equal the C program's byte for byte.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_merge import TEXT, Cost, compiled, cost_of, merge_command, models, removed
from synthetic import qwen2, write_checkpoint

FLOOR = r"""
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define COUNT (1 << 17)
static uint16_t one[COUNT], two[COUNT], out[COUNT];
int main(int argc, char **argv) {
    int a = open(argv[1], O_RDONLY), b = open(argv[2], O_RDONLY);
    int o = open(argv[3], O_RDWR | O_CREAT | O_TRUNC, 0666);
    float alpha = atof(argv[4]), rest = 1 - atof(argv[4]);
    uint64_t header; off_t size = lseek(a, 0, SEEK_END), at;
    if (pread(a, &header, 8, 0) != 8) return 1;
    at = 8 + header;
    posix_fallocate(o, 0, size);
    char *text = malloc(at);
    if (pread(a, text, at, 0) != at || pwrite(o, text, at, 0) != at) return 1;
    while (at < size) {
        ssize_t n = size - at < (off_t)sizeof one ? size - at : (off_t)sizeof one;
        if (pread(a, one, n, at) != n || pread(b, two, n, at) != n) return 1;
        for (ssize_t i = 0; i < n / 2; i++) {
            uint32_t x = (uint32_t)one[i] << 16, y = (uint32_t)two[i] << 16, r;
            float f, g, s;
            memcpy(&f, &x, 4); memcpy(&g, &y, 4);
            s = rest * f + alpha * g;
            memcpy(&r, &s, 4);
            out[i] = (r + 0x7FFF + ((r >> 16) & 1)) >> 16;
        }
        if (pwrite(o, out, n, at) != n) return 1;
        at += n;
    }
    return fsync(o);
}
"""
WHOLE = """
import os, sys
import torch
from pathlib import Path
from safetensors.torch import load_file, save_file
torch.set_num_threads(1)
base, donor = ({name: tensor for path in sorted(Path(side).glob("*.safetensors"))
                for name, tensor in load_file(path).items()} for side in sys.argv[1:3])
alpha = float(sys.argv[4])
merged = {name: (1 - alpha) * tensor + alpha * donor[name] for name, tensor in base.items()}
save_file(merged, sys.argv[3], metadata={"format": "pt"})
os.fsync(os.open(sys.argv[3], os.O_RDONLY))
"""
ALPHA = "0.3"
# What each way would find of its own, or not need any more.
LEFT = {
    "start-up": ("small-out", "whole.safetensors"),
    "adamms": ("out",),
    "adamms, 1 thread": ("out",),
    "C floor": ("floor.safetensors",),
    "whole models": ("out", "floor.safetensors"),
}


def main() -> None:
    """Build the pair, run the three in turn, print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=["S", "M"], default="S")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to build; default: a temporary folder")
    arguments = parser.parse_args()
    compiled()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        at = Path(name)
        small = qwen2(hidden=8, ffn=16, layers=24, kv=8, rows=64)
        for seed, side in enumerate(("base", "donor")):
            write_checkpoint(at / side, models(arguments.size)[0][0], TEXT, seed=seed)
            write_checkpoint(at / f"small-{side}", small, TEXT, seed=seed)
        (at / "floor.c").write_text(FLOOR)
        flags = ["-O3", "-march=native", "-ffp-contract=off"]
        subprocess.run(["cc", *flags, "-o", at / "floor", at / "floor.c"], check=True)
        _compare(at, runs=arguments.runs)


def _compare(at: Path, *, runs: int) -> None:
    files = [str(next((at / side).glob("*.safetensors"))) for side in ("base", "donor")]
    commands = {
        "start-up": merge_command(at / "small-base", at / "small-donor", at / "small-out"),
        "adamms": merge_command(at / "base", at / "donor", at / "out"),
        "adamms, 1 thread": [*merge_command(at / "base", at / "donor", at / "out"), "--threads", "1"],
        "C floor": [str(at / "floor"), *files, str(at / "floor.safetensors"), ALPHA],
        "whole models": [
            *(sys.executable, "-c", WHOLE),
            *(str(at / "base"), str(at / "donor"), str(at / "whole.safetensors"), ALPHA),
        ],
    }
    costs: dict[str, list[Cost]] = {title: [] for title in commands}
    for _ in range(runs):
        for title, command in commands.items():
            for out in LEFT[title]:
                removed(at / out)
            costs[title].append(cost_of(command))
            if title == "C floor":
                _check(at)
    for title, each in costs.items():
        cpu, wall, memory = (
            statistics.median(getattr(cost, field) for cost in each) for field in ("cpu", "wall", "memory")
        )
        print(f"{title:18} cpu {cpu:7.2f} s   wall {wall:7.2f} s   peak {memory:6.0f} MB")
    rows = list(zip(*costs.values(), strict=True))
    for label, ratio in (
        ("(adamms - start-up) / C floor, cpu", lambda s, a, o, f, w: (a.cpu - s.cpu) / f.cpu),
        ("adamms, 2 threads / 1 thread, cpu", lambda s, a, o, f, w: a.cpu / o.cpu),
        ("whole models / adamms at 1 thread, cpu", lambda s, a, o, f, w: w.cpu / o.cpu),
        ("whole models / adamms, memory", lambda s, a, o, f, w: w.memory / a.memory),
    ):
        print(f"{label:42} {statistics.median(ratio(*row) for row in rows):6.2f}")


def _check(at: Path) -> None:
    """Our output holds the C program's bytes; the two headers may differ."""
    ours, floor = next((at / "out").glob("*.safetensors")), at / "floor.safetensors"
    starts = []
    for path in (ours, floor):
        with path.open("rb") as file:
            starts.append(8 + int.from_bytes(file.read(8), "little"))
            json.loads(file.read(starts[-1] - 8))
    skip = [f"--ignore-initial={starts[0]}:{starts[1]}"]
    if subprocess.run(["cmp", "-s", *skip, ours, floor], check=False).returncode:
        raise SystemExit("adamms and the C program differ")
    print("adamms equals the C program byte for byte", flush=True)
    os.sync()


if __name__ == "__main__":
    main()
