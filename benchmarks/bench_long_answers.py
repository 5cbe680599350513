"""What a candidate costs as answers grow: transformers' pooled decoding beside vLLM.

    python benchmarks/bench_long_answers.py [--size small] [--engines transformers,vllm]
        [--vllm-python PYTHON] [--lengths 10,100,1000] [--inputs 16] [--json long-answers.json]
    python benchmarks/bench_long_answers.py --size full --device cuda --engines transformers

A Qwen2-VL and a LLaVA-OneVision with random weights: at full size those of the published 7B configurations in
bfloat16, at small size narrow ones in float32 for a CPU. Each engine runs in a process of its own, loads the
base, prepares the questions (pictures of 640 x 480 and 30 to 60 words), moves to a candidate, and answers at
each length; random weights hardly ever end an answer, so it is as long as it may be. On a machine with other
work processor seconds are the figure to use. Peak memory is the
processes' together on a CPU; on a GPU what torch has reserved (of vLLM, which takes all it may have, what the
driver says).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "src")]
GB = 1e9
ALPHA = 0.3


def seconds(run: Callable[[], Any]) -> float:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


class Transformers:
    """The engine in this process."""

    def __init__(self, inputs: Any, options: Any, arguments: argparse.Namespace) -> None:
        from adamms.answering.transformers_engine import TransformersEngine

        self._inputs = inputs
        self.engine = TransformersEngine(inputs.base, changed=inputs.changed(linear()), options=options)
        self._merger: Any = None

    def move(self) -> None:
        from adamms.merging.parent_store import choose_parent_store
        from adamms.merging.tensors import TensorMerger

        if self._merger is None:
            store, said = choose_parent_store(self._inputs, linear(), device=self.engine.device)
            print(f"  {said}", file=sys.stderr, flush=True)
            self.engine.grow_pool()
            self._merger = TensorMerger(self._inputs, store=store)
        self.engine.load_weights(ALPHA, self._merger.candidate(linear()))

    def peak(self) -> float:
        import torch

        if torch.cuda.is_available():
            return torch.cuda.max_memory_reserved() / GB
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GB

    def cpu(self) -> float:
        return time.process_time()

    def close(self) -> None:
        pass


class Vllm:
    """The engine in its own environment."""

    def __init__(self, inputs: Any, options: Any, arguments: argparse.Namespace) -> None:
        from adamms.answering.engine import EngineRequest
        from adamms.answering.vllm_engine import VllmEngine

        self._inputs = inputs
        changed = inputs.changed(linear())
        python = arguments.vllm_python
        self.engine = VllmEngine(EngineRequest(inputs.base, changed, options, python=python))

    def move(self) -> None:
        from adamms.answering.sweep import Merge

        self.engine.load_weights(ALPHA, Merge(self._inputs, linear(), ALPHA))

    def peak(self) -> float:
        kilobytes = 0
        for process in self._processes():
            lines = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            kilobytes += int(lines.get("VmHWM", "0 kB").split()[0])
        return gpu_in_use() or kilobytes * 1024 / GB

    def cpu(self) -> float:
        """User and system time of all that vLLM runs, and of us."""
        ticks = 0
        for process in self._processes():
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK") + time.process_time()

    def _processes(self) -> list[Path]:
        """Of the session that we started."""
        session, found = self.engine._other._process.pid, []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                if int(stat.read_text().rpartition(")")[2].split()[3]) == session:
                    found.append(stat.parent)
        return found

    def close(self) -> None:
        self.engine.close()


def gpu_in_use() -> float:
    """GB of GPU memory that the driver has given out; 0 where there is no GPU."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0.0
    return sum(map(float, told.split())) * (1 << 20) / GB


def linear() -> Any:
    from adamms.merging import make_method

    return make_method("linear", {"alpha": ALPHA})


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """One engine, in this process."""
    from adamms.adapters import open_model
    from adamms.answering.engine import EngineOptions
    from adamms.mapping import MappedDonor, map_parameters
    from adamms.merging import MergeInputs
    from adamms.responses import read_inputs

    lengths = [int(length) for length in arguments.lengths.split(",")]
    folder = arguments.folder
    base, donor = open_model(folder / "base"), open_model(folder / "donor")
    inputs = MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))
    options = EngineOptions(
        max_new_tokens=max(lengths), device=arguments.device, dtype=arguments.dtype, batch_size=None
    )
    examples = read_inputs(folder / "questions.jsonl")
    ids = [example.id for example in examples]
    figures: dict[str, Any] = {"engine": arguments.only, "inputs": len(ids)}
    began = time.perf_counter()
    runner = (Transformers if arguments.only == "transformers" else Vllm)(inputs, options, arguments)
    figures["seconds_to_load"] = time.perf_counter() - began
    engine = runner.engine
    try:
        # vLLM loads the model with the first questions.
        figures["seconds_to_prepare"] = seconds(lambda: engine.prepare(examples))
        figures["seconds_to_move_first"] = seconds(runner.move)
        figures["seconds_to_move"] = min(seconds(runner.move) for _ in range(2))
        figures["lengths"] = []
        for length in lengths:
            engine.forget(limit=length)
            engine.prepare(examples)
            answers: list[Any] = []
            # Nothing is kept of the answers before: a candidate begins with a move.
            runner.move()
            before = runner.cpu()
            took = seconds(lambda answers=answers: answers.extend(engine.answer(ids)))
            tokens = sum(answer.tokens for answer in answers)
            row = {
                "new_tokens": length,
                "seconds_a_candidate": took,
                "cpu_seconds_a_candidate": runner.cpu() - before,
                "tokens": tokens,
                "tokens_a_second": tokens / took,
                "peak_gb": runner.peak(),
            }
            print(f"  {arguments.only}: {row}", file=sys.stderr, flush=True)
            figures["lengths"].append(row)
    finally:
        runner.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=["full", "small", "tiny"], default="small")
    parser.add_argument("--engines", default="transformers,vllm")
    parser.add_argument("--vllm-python", default=None)
    parser.add_argument("--lengths", default="10,100,1000")
    parser.add_argument("--inputs", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default=None, help="default: float32 on a CPU, bfloat16 on a GPU")
    parser.add_argument(
        "--folder", type=Path, default=None, help="where the pair is written (/dev/shm is fast)"
    )
    parser.add_argument("--json", type=Path, default=None)
    parser.add_argument("--only", default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.dtype = arguments.dtype or ("float32" if arguments.device == "cpu" else "bfloat16")
    if arguments.only:
        print(json.dumps(measure(arguments)))
        return
    from full_size_pair import write_pair

    with tempfile.TemporaryDirectory(prefix="adamms-long-", dir=arguments.folder) as temporary:
        began = time.perf_counter()
        folder = Path(temporary) / "pair"
        write_pair(folder, size=arguments.size, inputs=arguments.inputs)
        print(f"pair written in {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
        figures: dict[str, Any] = {
            "size": arguments.size,
            "device": arguments.device,
            "dtype": arguments.dtype,
            "engines": [],
        }
        for engine in arguments.engines.split(","):
            # Of an option that is given twice the last one counts.
            command = [sys.executable, __file__, *sys.argv[1:], "--only", engine, "--folder", str(folder)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode:
                figures["engines"].append({"engine": engine, "failed": done.returncode})
                continue
            figures["engines"].append(json.loads(done.stdout.splitlines()[-1]))
    text = json.dumps(figures, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text)


if __name__ == "__main__":
    main()
