"""What several workers gain and what they cost: two on this machine, and four on a Ray cluster of two nodes.

    python benchmarks/bench_workers.py [--json workers.json] [--inputs 100] [--new 40] [--no-ray]

Two language models with random weights (8 layers, 384 wide), every candidate answers every input, one thread
each. On an idle machine with two cores it takes less than three minutes. Seconds on the clock mean something
only there, so processor seconds are told beside them, and the load. Figures:

    two       by the clock, and in processor seconds: what one process took, over what the search's own
              process and the busier of the workers took together
    ray       what the four workers' tasks, the search's own process and Ray's own processes took beyond what
              one process took; not counted are Ray's start and the workers' own starts (importing torch and
              transformers, reading headers), which are told apart
    queue     processor time that sharing out a task costs whoever shares it out, worker and pipes included
    import    `import adamms`, in a fresh process
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"
MARK = "ADAMMS_BENCH_MARK"
PORT = "6427"
RAY = [sys.executable, "-c", "import sys; from ray.scripts.scripts import main; sys.exit(main())"]
TICKS = os.sysconf("SC_CLK_TCK")
TASKS = 2000


def write_pair(folder: Path, inputs: int) -> list[str]:
    """A pair and its inputs, as arguments of a search."""
    sys.path.insert(0, str(TESTS))
    import tiny_models

    language = {"hidden_size": 384, "intermediate_size": 1024, "num_attention_heads": 8, "head_dim": 48}
    language |= {"num_key_value_heads": 8}
    settings = {"layers": 8, "std": 0.06, "language": language}
    tiny_models.build("qwen2", folder / "base", **settings)
    tiny_models.build("qwen2", folder / "donor", seed=1, **settings)
    lines = [json.dumps({"prompt": f"Why {index}? " * (index % 3 + 1)}) for index in range(inputs)]
    (folder / "inputs.jsonl").write_text("\n".join(lines))
    return [str(folder / "base"), str(folder / "donor"), "--inputs", str(folder / "inputs.jsonl"), "--force"]


def search(words: list[str], out: Path, environment: dict[str, str], *options: str) -> dict[str, Any]:
    """One search in a process of its own: seconds on the clock, and those of the processor."""
    command = [sys.executable, "-m", "adamms", "search", *words, "--rule", "sum", "--out", str(out), *options]
    before, began = os.times(), time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    after = os.times()
    if done.returncode:
        raise SystemExit(done.stderr)
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    shares = next((line["workers"] for line in log if line["event"] == "worked"), [])
    return {"seconds": time.monotonic() - began, "cpu_seconds": cpu, "workers": shares}


def marked(mark: str) -> dict[int, float]:
    """The processes with this mark in their environment, and the processor seconds that they took so far."""
    taken = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                taken[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICKS
        except OSError:
            continue
    return taken


def over_ray(words: list[str], out: Path, environment: dict[str, str], options: list[str]) -> dict[str, Any]:
    """A search by four workers on two nodes, and what Ray's own processes took meanwhile."""
    mark = uuid.uuid4().hex
    variables = {**environment, MARK: mark, "RAY_USAGE_STATS_ENABLED": "0"}
    shared = ["--num-cpus", "2", "--object-store-memory", "100000000"]
    began = time.monotonic()
    try:
        for node in (
            ["--head", "--port", PORT, "--include-dashboard=false"],
            ["--address", f"127.0.0.1:{PORT}"],
        ):
            subprocess.run([*RAY, "start", *node, *shared], env=variables, check=True, capture_output=True)
        started = time.monotonic() - began
        daemons = marked(mark)
        where = ["--executor", "ray", "--ray-address", f"127.0.0.1:{PORT}", "--workers", "4"]
        result = search(words, out, environment, *where, *options)
        after = marked(mark)
        # Those that run all the time; what became a worker is counted by what it says itself.
        own = sum(after[pid] - before for pid, before in daemons.items() if pid in after)
        return {**result, "ray_start_seconds": started, "ray_own_cpu_seconds": own}
    finally:
        while left := marked(mark):
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.2)


def queue_cost() -> float:
    """Processor seconds a task, of both sides, where a task is nothing."""
    sys.path.insert(0, str(TESTS))
    from adamms.answering.tasks import ModelName, Task
    from adamms.workers.pool import WorkerPool
    from adamms.workers.processes import LocalWorkers

    tasks = [
        Task(ModelName("candidate", model / 100), tuple(f"{part} {place}" for place in range(16)))
        for model in range(20)
        for part in range(TASKS // 20)
    ]
    workers = LocalWorkers(
        "idle_worker:open_idle",
        config=lambda number: {},
        environment=lambda number: {"PYTHONPATH": str(HERE)},
    )
    pool = WorkerPool(workers, 2, timeout=60, say=print)
    try:
        for _ in pool.run(tasks[:2]):
            pass
        before = time.process_time(), sum(share.cpu_seconds for share in pool.shares)
        for _ in pool.run(tasks):
            pass
        return (time.process_time() - before[0]) / len(tasks)
    finally:
        pool.close()


def import_seconds() -> float:
    code = "import time; began = time.process_time(); import adamms; print(time.process_time() - began)"
    return min(
        float(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="where the figures are written as well")
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--new", type=int, default=40, help="most new tokens")
    parser.add_argument("--no-ray", action="store_true")
    arguments = parser.parse_args()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    options = ["--max-new-tokens", str(arguments.new), "--samples", str(arguments.inputs), "--device", "cpu"]
    figures: dict[str, Any] = {"cores": os.cpu_count(), "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = write_pair(folder, arguments.inputs)
        one = search(words, folder / "one", environment, *options)
        two = search(words, folder / "two", environment, "--workers", "2", *options)
        busiest = max(share["start_cpu_seconds"] + share["cpu_seconds"] for share in two["workers"])
        everybody = sum(share["start_cpu_seconds"] + share["cpu_seconds"] for share in two["workers"])
        own = max(two["cpu_seconds"] - everybody, 0.0)
        figures |= {"one": one, "two": two}
        figures["two_by_the_clock"] = one["seconds"] / two["seconds"]
        figures["two_by_processor_seconds"] = one["cpu_seconds"] / (own + busiest)
        runs = ["two"]
        if not arguments.no_ray:
            ray = over_ray(words, folder / "ray", environment, options)
            tasks = sum(share["cpu_seconds"] for share in ray["workers"])
            total = tasks + ray["cpu_seconds"] + ray["ray_own_cpu_seconds"]
            # The one process imports torch and transformers as well; a worker's start stands for that.
            start = min(share["start_cpu_seconds"] for share in ray["workers"])
            figures["ray"] = {**ray, "tasks_cpu_seconds": tasks}
            figures["ray_added_share"] = total / (one["cpu_seconds"] - start) - 1
            runs.append("ray")
        chosen = (folder / "one" / "selection.json").read_bytes()
        figures["identical"] = all((folder / run / "selection.json").read_bytes() == chosen for run in runs)
    figures["queue_ms_a_task"] = queue_cost() * 1000
    figures["import_ms"] = import_seconds() * 1000
    figures["load_after"] = os.getloadavg()[0]
    text = json.dumps(figures, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
