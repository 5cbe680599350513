"""Which GPUs there are, and which of them a worker is given; told without torch, which takes seconds."""

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> tuple[str, ...]:
    """The GPUs that a process started here would see, by the names that `CUDA_VISIBLE_DEVICES` takes."""
    count = sum(node.name[len("nvidia") :].isdigit() for node in Path("/dev").glob("nvidia*"))
    try:
        blind = version("torch").endswith("+cpu")
    except PackageNotFoundError:
        blind = True
    if not count or blind:
        return ()
    named = os.environ.get(VISIBLE)
    if named is None:
        return tuple(map(str, range(count)))
    names = [name.strip() for name in named.split(",")]
    # As CUDA reads the list: what follows a name of no GPU is not seen.
    end = next((place for place, name in enumerate(names) if name in ("", "-1")), len(names))
    return tuple(names[:end])


def on_gpu(device: str | None) -> bool:
    """Whether models answer on a GPU of this machine, by the device that was asked for."""
    return bool(visible_gpus()) if device in (None, "auto") else device != "cpu"


def gpus_of(worker: int, gpus: tuple[str, ...], *, per_worker: int) -> tuple[str, ...]:
    """The GPUs of a worker, counted from 0: `per_worker` of its own, or shared where there are too few."""
    groups = max(len(gpus) // per_worker, 1)
    start = worker % groups * per_worker
    return gpus[start : start + per_worker]
