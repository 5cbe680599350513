"""The workers of a search: how many, where, with which GPUs and threads.

Floats on a CPU depend on how many threads compute them, so a worker there takes as many as one process
would: what comes of a search is the same, however many share it.
"""

import os
import sys
from pathlib import Path
from typing import Any

from adamms.errors import require_packages
from adamms.progress import Progress
from adamms.runs.loading import LoadedModels
from adamms.runs.search_plan import SearchPlan
from adamms.runs.worker import FACTORY, configuration
from adamms.workers.devices import VISIBLE, gpus_of, on_gpu, visible_gpus
from adamms.workers.pool import WorkerPool
from adamms.workers.processes import LocalWorkers

THREADS = "OMP_NUM_THREADS"


def open_pool(loaded: LoadedModels, plan: SearchPlan, scratch: Path, *, progress: Progress) -> WorkerPool:
    """The workers of a search, of this machine or of a cluster; none is started before the first task.

    Args:
        loaded: the models and the recipe.
        plan: the questions.
        scratch: a folder for what engines write.
        progress: told what a person should know.

    Raises:
        MissingPackageError: Ray is asked for and not installed.
        MachineError: the cluster cannot be reached.
    """
    options = plan.options
    if options.executor == "ray":
        return _on_cluster(loaded, plan, progress)
    count = options.workers or 1
    per_worker, gpus = options.gpus_per_model or 1, visible_gpus() if on_gpu(options.device) else ()
    if gpus and count * per_worker > len(gpus):
        progress.say(f"{count} workers with {per_worker} GPU(s) each share the {len(gpus)} that there are.")
    if not gpus:
        _say_threads(count, progress)

    def environment(number: int) -> dict[str, str]:
        quiet = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE")}
        if not gpus:
            return quiet
        threads = os.environ.get(THREADS, str(max(_cores() // count, 1)))
        return {**quiet, THREADS: threads, VISIBLE: ",".join(gpus_of(number, gpus, per_worker=per_worker))}

    def config(number: int) -> dict[str, Any]:
        # Whoever has torch already may have set its threads.
        threads = _threads() if "torch" in sys.modules and not gpus else None
        place = scratch / f"worker-{number + 1}"
        return configuration(loaded, plan.examples, scratch=place, threads=threads)

    workers = LocalWorkers(FACTORY, config=config, environment=environment)
    return WorkerPool(workers, count, timeout=options.worker_timeout, say=progress.say)


def _on_cluster(loaded: LoadedModels, plan: SearchPlan, progress: Progress) -> WorkerPool:
    require_packages("ray")
    # Late: it takes half a second, and needs an extra of ours.
    from adamms.workers.ray_workers import Cluster, RayWorkers

    options = plan.options
    cluster = Cluster(options.ray_address)
    per_worker = 0 if options.device == "cpu" or not cluster.gpus else options.gpus_per_model or 1
    count = options.workers or (cluster.gpus // per_worker if per_worker else cluster.nodes)
    # Ray gives an actor one thread where nobody says otherwise.
    config = configuration(loaded, plan.examples, scratch=None, threads=None if per_worker else _threads())
    workers = RayWorkers(FACTORY, config=lambda number: config, gpus=per_worker, cluster=cluster)
    progress.say(f"{count} workers on a Ray cluster of {cluster.nodes} nodes.")
    return WorkerPool(workers, count, timeout=options.worker_timeout, say=progress.say)


def _threads() -> int:
    """The threads with which one process on this machine would compute."""
    named = os.environ.get(THREADS, "")
    if "torch" not in sys.modules and named.isdigit():
        return int(named)
    import torch

    return torch.get_num_threads()


def _say_threads(count: int, progress: Progress) -> None:
    named = os.environ.get(THREADS, "")
    threads, cores = int(named) if named.isdigit() else _cores(), _cores()
    if count * threads > cores:
        progress.say(
            f"{count} workers compute with {threads} threads each, as one process does, on {cores} cores: "
            f"they are faster with {THREADS}={max(cores // count, 1)}, whose last digits are another's."
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
