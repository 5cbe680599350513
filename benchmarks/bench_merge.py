"""Merging: processor time and peak memory of `adamms merge`, beside copying the same bytes.

    python benchmarks/bench_merge.py --size S          # Qwen2-0.5B shape, 1 GB a model
    python benchmarks/bench_merge.py --size 8B         # Qwen2-VL-7B <- LLaVA-OneVision-7B, 16 GB a model

Whole processes, as the operating system accounts for them; the copy reads both parents and writes the
output's bytes in pieces of 256 KB (the cheapest size here) and makes them durable, which no merge from and to
disk can avoid. Elements are compared with the merge recomputed in numpy and rounded once.
"""

import argparse
import compileall
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from synthetic import Layout, qwen2, real_layout, write_checkpoint

LAYOUTS = Path(__file__).parent.parent / "tests" / "data" / "layouts"
TEXT = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "tie_word_embeddings": True}
COPY = """
import os, sys
from pathlib import Path
out = open(sys.argv[3], "wb", buffering=0)
buffer = memoryview(bytearray(1 << 18))
for side in (1, 2):
    for path in sorted(Path(sys.argv[side]).glob("*.safetensors")):
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                if side == 1:
                    out.write(buffer[:count])
os.fsync(out.fileno())
"""


@dataclass(frozen=True)
class Cost:
    """What one process took: processor seconds (user + system), wall seconds, peak resident MB."""

    cpu: float
    wall: float
    memory: float


def cost_of(command: list[str]) -> Cost:
    """Run a command and read the kernel's own accounting of it."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(command)}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss / 1024)


def compiled() -> None:
    """Compile our modules once, as installing them does: an environment may forbid Python to keep them."""
    import adamms

    compileall.compile_dir(Path(adamms.__file__).parent, quiet=1)


def merge_command(base: Path, donor: Path, out: Path) -> list[str]:
    """The command line of a linear merge."""
    command = [sys.executable, "-m", "adamms", "merge", str(base), str(donor)]
    return [*command, "--alpha", "0.3", "--force", "--out", str(out)]


def removed(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def models(size: str) -> tuple[tuple[Layout, dict], tuple[Layout, dict]]:
    """The layouts and configs of base and donor."""
    if size == "S":
        layout = qwen2(hidden=896, ffn=4864, layers=24, kv=128)
        return (layout, TEXT), (layout, TEXT)
    if size == "M":
        layout = qwen2(hidden=1536, ffn=8960, layers=28, kv=256)
        return (layout, TEXT), (layout, TEXT)
    return (
        real_layout(LAYOUTS / "Qwen--Qwen2-VL-7B-Instruct.json.gz"),
        real_layout(LAYOUTS / "lmms-lab--llava-onevision-qwen2-7b-si.json.gz"),
    )


def shortened(layout: Layout, layers: int) -> Layout:
    """Without the language model's layers from `layers` on."""
    at = re.compile(r"^(?:language_model\.)?model\.layers\.(\d+)\.")
    return {
        name: info for name, info in layout.items() if not (found := at.match(name)) or int(found[1]) < layers
    }


def main() -> None:
    """Build the pair, merge and copy in turn, print the medians and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=["S", "M", "8B"], default="S")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to build; default: a temporary folder")
    parser.add_argument("--layers", type=int, help="of 8B: only so many of 28, where there is less disk")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        for side, (layout, config) in zip(("base", "donor"), models(arguments.size), strict=True):
            layout = shortened(layout, arguments.layers) if arguments.layers else layout
            total = write_checkpoint(folder / side, layout, config, seed=len(side))
            print(f"{side}: {len(layout)} tensors, {total / 1e9:.2f} GB")
        compiled()
        merges, copies = [], []
        for _ in range(arguments.runs):
            removed(folder / "out")
            merges.append(cost_of(merge_command(folder / "base", folder / "donor", folder / "out")))
            if len(merges) == 1:
                # Elsewhere: the kernel counts the memory of the starting process as its child's.
                check = get_context("spawn").Process(target=_check, args=(folder,))
                check.start()
                check.join()
            # Never both: the full size would need another 16 GB.
            removed(folder / "out")
            copy = [sys.executable, "-c", COPY, str(folder / "base"), str(folder / "donor")]
            copies.append(cost_of([*copy, str(folder / "copy")]))
            removed(folder / "copy")
        for title, costs in (("adamms merge", merges), ("copy of the same bytes", copies)):
            cpu, wall, memory = (
                statistics.median(getattr(c, f) for c in costs) for f in ("cpu", "wall", "memory")
            )
            print(f"{title:24} cpu {cpu:7.2f} s   wall {wall:7.2f} s   peak {memory:6.0f} MB")
        for field in ("wall", "cpu"):
            pairs = zip(merges, copies, strict=True)
            ratio = statistics.median(getattr(m, field) / getattr(c, field) for m, c in pairs)
            print(f"merge / copy, {field}, median of pairs: {ratio:.2f}")


def _check(folder: Path) -> None:
    """One large tensor, recomputed with numpy from the parents' files."""
    from adamms import Checkpoint

    with (
        Checkpoint.open(folder / "base") as base,
        Checkpoint.open(folder / "donor") as donor,
        Checkpoint.open(folder / "out") as out,
    ):
        name = "model.layers.1.mlp.up_proj.weight"
        one, two, merged = (bits(model, name) for model in (base, donor, out))
    exact = np.float32(0.7) * widen(one) + np.float32(0.3) * widen(two)
    rounded = exact.view(np.uint32)
    rounded = ((rounded + 0x7FFF + ((rounded >> 16) & 1)) >> 16).astype(np.uint16)
    print(f"elements that differ from the correctly rounded result: {int((rounded != merged).sum())}")


def bits(model: "object", name: str) -> np.ndarray:
    """A bfloat16 tensor's bits."""
    info = model.tensors[name]  # type: ignore[attr-defined]
    data = np.empty(info.nbytes, np.uint8)
    model.read_into(name, data.data)  # type: ignore[attr-defined]
    return data.view(np.uint16)


def widen(values: np.ndarray) -> np.ndarray:
    """Bfloat16 bits as float32."""
    return (values.astype(np.uint32) << 16).view(np.float32)


if __name__ == "__main__":
    main()
