"""Work for a few threads: tasks are handed out in order, and come back in any.

Our workers are the parallelism and wait passively; torch's own pool would spin beside them on a busy machine.
"""

import ctypes
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# A task: long enough that handing it out costs nothing, short enough to share the end evenly.
BLOCKS_PER_TASK = 16
DEFAULT_THREADS = 2
# glibc's mallopt: M_TRIM_THRESHOLD and M_MMAP_THRESHOLD, and values that keep a thread's megabytes with it.
KEEP_FREED = ((-1, 1 << 28), (-3, 1 << 26))


def work_items(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Group items, in order, `size` of them at most."""
    remaining = iter(items)
    while task := list(islice(remaining, size)):
        yield task


def unordered_map(
    tasks: Iterable[Item],
    run: Callable[[threading.local, Item], Result],
    *,
    threads: int | None,
) -> Iterator[tuple[int, Result]]:
    """Run every task on a pool of threads.

    Args:
        tasks: what is to be done; taken as there is room, never all at once.
        run: does one task; the first argument is the thread's own storage.
        threads: workers; two by default, enough to overlap reading, arithmetic and writing.

    Yields:
        A task's number and result, as they come.
    """
    workers = threads or DEFAULT_THREADS
    keep_freed_memory()
    local = threading.local()
    remaining = enumerate(tasks)
    with one_torch_thread(), ThreadPoolExecutor(workers, "adamms-merge") as pool:
        pending: dict[Future[Result], int] = {}
        try:
            while True:
                for number, task in islice(remaining, 2 * workers - len(pending)):
                    pending[pool.submit(run, local, task)] = number
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    yield pending.pop(future), future.result()
        except BaseException:
            # A failure or Ctrl-C: let the blocks in flight end, start no more.
            pool.shutdown(cancel_futures=True)
            raise


def keep_freed_memory() -> None:
    """Let the C library keep what a block's arithmetic frees for the next block's.

    Otherwise it returns every megabyte to the system, and touching new pages costs more than the arithmetic.
    Where there is no glibc nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in KEEP_FREED:
            mallopt(option, value)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Torch computes in the calling thread alone, where it takes part."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
