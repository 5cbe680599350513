"""Where a search stops scaling: an event simulation of 1 to 256 workers, from measured parts.

    python benchmarks/simulate_workers.py                  # the table; --plot FILE.svg draws it (matplotlib)

Measured (docs/reference/speed.md, one H200, Qwen2-VL-7B <- LLaVA-OneVision-7B, bfloat16, 443 tokens a
prompt): 37,800 prompt tokens a second, 2,300 tokens a second in a pool of 100 answers, a move 0.87 s from
files and 0.037 s held, 16.6 GB a model. Extrapolated: other sizes go by their parameters, a step by the
weights that it reads, loading by 2 GB a second and worker and 10 GB a second of a node's disk, starting a
process in 8 s. The queue is the product's (`adamms.workers.task_queue`), whatever it hands out.
"""

import argparse
import heapq
import random
from dataclasses import dataclass

from adamms.answering.tasks import ModelName, Task, slices
from adamms.workers.task_queue import Standing, TaskQueue

PREFILL, POOL, MOVE, BYTES = 37_800.0, 2_300.0, 0.87, 16.6e9
"""Measured, of a model of `MEASURED` parameters."""
MEASURED = 8.29e9
PROMPT = 443
STARTING, WORKER_READS, NODE_READS, NODE = 8.0, 2e9, 10e9, 8
"""Assumed: seconds of a process, bytes a second of a worker and of a node's disk, workers a node."""
ANSWERED, READ, POOLED = 32, 16, 100
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SIZES = (2e9, 8.29e9, 34e9, 72e9)
LENGTHS = (16, 1000)


@dataclass(frozen=True)
class Parts:
    """Seconds of what a worker does with a model of so many parameters."""

    parameters: float
    answer: int
    """Mean tokens of an answer; single ones are drawn around it."""

    @property
    def scale(self) -> float:
        return self.parameters / MEASURED

    def loading(self, workers: int) -> float:
        """Of a checkpoint, while a node's workers load at the same time."""
        rate = min(WORKER_READS, NODE_READS / min(workers, NODE))
        return BYTES * self.scale / rate

    def move(self, workers: int) -> float:
        """To a candidate, both parents from files that the system holds in memory."""
        return MOVE * self.scale * max(min(workers, NODE) * BYTES / MOVE * 2 / (8 * NODE_READS), 1.0)

    def work(self, task: Task, lengths: dict[str, int]) -> float:
        """Of a slice: its prompts are read, and it lasts as long as its longest answer."""
        prompts = len(task.ids) * PROMPT / PREFILL
        if task.given is not None:
            return (prompts + len(task.ids) * 2 * self.answer / PREFILL) * self.scale
        # A step reads the weights once, whatever the number of answers in the pool.
        steps = max(lengths[id_] for id_ in task.ids)
        return (prompts + steps * POOLED / POOL) * self.scale


@dataclass(frozen=True)
class Result:
    """How long a search took, and what its workers did meanwhile, as shares of their time."""

    seconds: float
    starting: float
    moving: float
    waiting: float


def simulate(stages: list[list[Task]], parts: Parts, workers: int, lengths: dict[str, int]) -> Result:
    """Work the stages off, one behind the other, by as many workers.

    Args:
        stages: tasks of which none depends on another of its stage.
        parts: seconds of everything.
        workers: how many.
        lengths: input id -> tokens of its answer.
    """
    standings = [Standing() for _ in range(workers)]
    models: list[ModelName | None] = [None] * workers
    began = [False] * workers
    now, starting, moving, working = 0.0, 0.0, 0.0, 0.0
    for tasks in stages:
        queue, busy = TaskQueue(tasks), list[tuple[float, int]]()
        waiting = list(range(workers))
        while True:
            # Who had better wait asks again whenever somebody has finished.
            asking, waiting = waiting, []
            for worker in asking:
                entry = queue.take(standings[worker], [standings[other] for _, other in busy])
                if entry is None:
                    waiting.append(worker)
                    continue
                task, start = entry.task, 0.0 if began[worker] else STARTING
                if standings[worker].checkpoint != task.model.checkpoint:
                    start += parts.loading(workers)
                    models[worker] = None
                moves = task.model.kind != "donor" and models[worker] != task.model
                move = parts.move(workers) if moves else 0.0
                standings[worker].took(task)
                began[worker], models[worker] = True, task.model
                work = parts.work(task, lengths)
                starting, moving, working = starting + start, moving + move, working + work
                heapq.heappush(busy, (now + start + move + work, worker))
            if not busy:
                break
            now, worker = heapq.heappop(busy)
            waiting.append(worker)
    total = now * workers
    return Result(now, starting / total, moving / total, 1 - (starting + moving + working) / total)


def stages_of(*, inputs: int, candidates: int, exhaustive: bool) -> list[list[Task]]:
    """A search's tasks: the parents and all candidates at once, or parents, readings and the winner."""
    ids = [f"{number}" for number in range(inputs)]

    def asked(model: ModelName, of: list[str]) -> list[Task]:
        return [Task(model, tuple(part)) for part in slices(of, most=ANSWERED)]

    alphas = [0.6 * place / (candidates - 1) for place in range(candidates)]
    donor = asked(ModelName("donor", 1), ids)
    if exhaustive:
        return [
            donor + asked(ModelName("candidate", 0.0), ids),
            [task for alpha in alphas[1:] for task in asked(ModelName("candidate", alpha), ids)],
        ]
    few = ids[:25]
    given: dict[str, tuple[()]] = dict.fromkeys(few, ())

    def read(chosen: list[float]) -> list[Task]:
        return [
            Task(ModelName("candidate", alpha), tuple(part), given)
            for alpha in chosen
            for part in slices(few, most=READ)
        ]

    first = [alphas[0], alphas[(candidates - 1) // 2], alphas[-1]]
    return [
        donor + asked(ModelName("candidate", 0.0), ids),
        read(first),
        read(alphas[1:3]),
        asked(ModelName("candidate", alphas[2]), few),
    ]


def drawn_lengths(inputs: int, mean: int, *, seed: int = 0) -> dict[str, int]:
    """Answers' lengths: exponential around their mean, four times it at most, as reasoning models' are."""
    generator = random.Random(seed)
    draws = (max(int(generator.expovariate(1 / mean)), 1) for _ in range(inputs))
    return {f"{number}": min(length, 4 * mean) for number, length in enumerate(draws)}


def main() -> None:
    """Print the tables, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--candidates", type=int, default=7)
    parser.add_argument("--plot", help="an SVG to write")
    options = parser.parse_args()
    curves: dict[tuple[bool, int, float], list[Result]] = {}
    for exhaustive in (True, False):
        stages = stages_of(inputs=options.inputs, candidates=options.candidates, exhaustive=exhaustive)
        for answer in LENGTHS:
            lengths = drawn_lengths(options.inputs, answer)
            for size in SIZES:
                parts = Parts(size, answer)
                results = [simulate(stages, parts, workers, lengths) for workers in WORKERS]
                curves[exhaustive, answer, size] = results
                way = "everything asked" if exhaustive else "read"
                print(f"{way}, {answer} tokens, {size / 1e9:.0f}B")
                for workers, result in zip(WORKERS, results, strict=True):
                    gain = results[0].seconds / result.seconds
                    print(
                        f"  {workers:4} workers {result.seconds:9.0f} s  {gain:6.1f} x  loading "
                        f"{result.starting:4.0%}  moving {result.moving:4.0%}  waiting {result.waiting:4.0%}"
                    )
    if options.plot:
        _draw(curves, options.plot)


def _draw(curves: dict[tuple[bool, int, float], list[Result]], path: str) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "adamms"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(LENGTHS), figsize=(9, 3.6), sharey=True)
    for axis, answer in zip(axes, LENGTHS, strict=True):
        for number, size in enumerate(SIZES):
            for exhaustive, style in ((True, "-"), (False, ":")):
                results = curves[exhaustive, answer, size]
                gains = [results[0].seconds / result.seconds for result in results]
                label = f"{size / 1e9:.0f}B" if exhaustive else None
                axis.plot(WORKERS, gains, style, color=f"C{number}", label=label)
        axis.plot(WORKERS, WORKERS, color="0.8", linewidth=1, zorder=0)
        axis.set(
            xscale="log", yscale="log", xlabel="workers", title=f"{answer} tokens an answer", ylim=(0.8, 300)
        )
    axes[0].set_ylabel("times as fast as one")
    axes[0].legend(frameon=False, title="— everything asked\n··· read")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
