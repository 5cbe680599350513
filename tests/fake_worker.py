"""A worker without a model: it notes what it is asked, repeats it, and fails where a file says so."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from adamms.answering.tasks import Answer, Task
from adamms.errors import CheckpointError, MachineError, SearchError
from adamms.responses import Response


def failing(folder: Path, fault: str, id_: str, *, times: int = 1) -> None:
    """Let whoever is asked this next fail in this way."""
    (folder / f"{fault}-{id_}").write_text(str(times))


class FakeWorker:
    def __init__(self, config: dict[str, Any], say: Callable[[str], None]) -> None:
        self.folder = Path(config["folder"])
        self.slowly = config.get("seconds", 0.0)
        for fault in ("unfit", "starting"):
            self.fail(fault, "")
        say("A word from a worker.")

    def perform(self, task: Task) -> Iterator[Answer]:
        for id_ in task.ids:
            with (self.folder / "asked").open("a") as file:
                file.write(f"{os.getpid()} {task.model} {id_}\n")
            for fault in ("killed", "hung", "short", "broken", "refused"):
                self.fail(fault, id_)
            time.sleep(self.slowly)
            yield Response(id_, task.model.number, f"{task.model} {id_} \ud800", confidence=1 / 3)

    def fail(self, fault: str, id_: str) -> None:
        file = self.folder / f"{fault}-{id_}"
        if not file.exists():
            return
        left = int(file.read_text()) - 1
        file.write_text(str(left)) if left else file.unlink()
        if fault == "unfit":
            raise CheckpointError("The model is not there.")
        if fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if fault == "hung":
            time.sleep(1000)
        if fault == "short":
            raise MachineError("There is not enough memory.")
        if fault == "refused":
            raise SearchError("It cannot be asked.")
        raise ValueError("nobody expected this")

    def close(self) -> None:
        pass


def open_fake(config: dict[str, Any], say: Callable[[str], None]) -> FakeWorker:
    return FakeWorker(config, say)
