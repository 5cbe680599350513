"""Workers as actors of a Ray cluster, over its nodes: asked by messages as processes are (`messages.py`).

Ray places them, tells when one is gone, and ends them with us however we end.
"""

import contextlib
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from adamms.answering.tasks import Task
from adamms.errors import AdaMMSError, MachineError
from adamms.workers.messages import Message, Performer, error_message, factory_named, failure, work

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
RAISED = re.compile(r"[\w.]+(Error|Exception): ")


class Actor:
    """A worker's process on some node."""

    def __init__(self) -> None:
        # Before torch starts its threads, as the command line does.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self._performer: Performer | None = None

    def open(self, factory: str, config: dict[str, Any]) -> Iterator[Message]:
        """Load what its configuration names."""
        said: list[str] = []
        try:
            self._performer = factory_named(factory)(config, said.append)
        except MachineError as error:
            yield failure(error)
        except AdaMMSError as error:
            yield error_message("unfit", error)
        except Exception as error:  # another worker may be luckier
            yield failure(error)
        else:
            yield from ({"kind": "say", "text": text} for text in said)
            info = f"process {os.getpid()} on {socket.gethostname()}"
            yield {"kind": "ready", "info": info, "cpu": time.process_time()}

    def perform(self, number: int, task: dict[str, Any]) -> Iterator[Message]:
        """Work a task off."""
        assert self._performer is not None
        for message in work(self._performer, Task.from_json(task)):
            yield {**message, "number": number}


class RayWorkers:
    """Workers of a cluster; a resource, to be closed."""

    def __init__(
        self, factory: str, *, config: Callable[[int], Mapping[str, Any]], gpus: int, cluster: "Cluster"
    ) -> None:
        """Nothing is started yet.

        Args:
            factory: `module:name` of what makes a worker's performer from its configuration.
            config: a worker's number -> its configuration.
            gpus: a worker's.
            cluster: where they run.
        """
        import ray

        self._factory, self._config, self._cluster = factory, config, cluster
        options = {"num_cpus": 1, "num_gpus": gpus, "scheduling_strategy": "SPREAD", "max_restarts": 0}
        self._actor = ray.remote(**options)(Actor)
        self._actors: dict[int, Any] = {}
        self._streams: dict[int, Any] = {}

    def start(self, number: int) -> None:
        """Start a worker, as soon as there is room for it."""
        actor = self._actors[number] = self._actor.remote()
        self._streams[number] = actor.open.options(num_returns="streaming").remote(
            self._factory, dict(self._config(number))
        )

    def send(self, number: int, message: Mapping[str, Any]) -> None:
        """Give it a task."""
        perform = self._actors[number].perform.options(num_returns="streaming")
        self._streams[number] = perform.remote(message["number"], message["task"])

    def wait(self, timeout: float | None) -> list[tuple[int, Message]]:
        """What workers have said, as soon as one has said something, or when the time (seconds) is over."""
        import ray

        numbers = {stream: number for number, stream in self._streams.items()}
        if not numbers:
            return []
        ready, _ = ray.wait(list(numbers), num_returns=1, timeout=timeout)
        messages = []
        for stream in ready:
            number = numbers[stream]
            try:
                messages.append((number, ray.get(next(stream))))
            except StopIteration:
                del self._streams[number]
            except ray.exceptions.RayError as error:
                del self._streams[number]
                messages.append((number, {"kind": "lost", "why": _why(error)}))
        return messages

    def kill(self, number: int) -> None:
        """End a worker."""
        import ray

        self._streams.pop(number, None)
        actor = self._actors.pop(number, None)
        if actor is not None:
            with contextlib.suppress(Exception):  # it may be gone
                ray.kill(actor, no_restart=True)

    def close(self) -> None:
        """End all of them, and our connection to the cluster."""
        for number in list(self._actors):
            self.kill(number)
        self._cluster.close()


class Cluster:
    """A connection to a Ray cluster; a resource, to be closed."""

    def __init__(self, address: str | None) -> None:
        """Connect, or start a cluster of this machine's where none is named and none runs.

        Args:
            address: of the cluster, as `ray start` prints it.

        Raises:
            MachineError: there is no cluster, or it does not answer.
        """
        # Word to its makers of who uses it is not ours to give.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # As it will be one day: where an actor asks for no GPU it sees those that there are.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray

        self._own = not ray.is_initialized()
        if self._own:
            try:
                ray.init(
                    address=address,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                    include_dashboard=False if address is None else None,
                )
            except Exception as error:  # whatever it is, the cluster is not there
                where = f"at {address}" if address else "of this machine"
                raise MachineError(
                    f"The Ray cluster {where} cannot be reached ({_why(error)}); see `ray status`."
                ) from error

    @property
    def gpus(self) -> int:
        """How many GPUs it has."""
        import ray

        return int(ray.cluster_resources().get("GPU", 0))

    @property
    def nodes(self) -> int:
        """How many nodes are up."""
        import ray

        return sum(bool(node["Alive"]) for node in ray.nodes())

    def close(self) -> None:
        """Leave it; one that was started for us ends."""
        import ray

        if self._own:
            ray.shutdown()


def _why(error: BaseException) -> str:
    """What Ray says, in a line: of a worker that could not begin the error at the end, else the beginning."""
    lines = [line.strip() for line in COLOURS.sub("", str(error)).splitlines() if line.strip()]
    raised = [line for line in lines if RAISED.match(line)]
    reason = raised[-1] if raised else lines[0] if lines else type(error).__name__
    if reason.startswith("ModuleNotFoundError"):
        reason += " on a node of the cluster; install the same environment on every node"
    return reason[:300].rstrip(".")
