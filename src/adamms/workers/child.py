"""A worker process: `python -m adamms.workers.child MODULE:FACTORY`, started and fed by `processes.py`.

Reads messages from its standard input and writes them to its standard output, a JSON object a line; whatever
else prints there goes to standard error. It leads a process group of its own, and where its standard input
ends, since whoever started it is gone however that came about, it ends with all that it has started.
"""

import json
import os
import queue
import signal
import sys
import threading
import time
from typing import Any

from adamms.answering.tasks import Task
from adamms.errors import AdaMMSError, MachineError
from adamms.workers.messages import Message, Performer, error_message, factory_named, failure, work


def main() -> None:
    """Work until there is no more work."""
    # What libraries print must not get between the messages.
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: Message) -> None:
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(out, data) :]

    inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(inbox,), daemon=True).start()
    performer = _opened(sys.argv[1], inbox.get(), send)
    while performer is not None:
        received = inbox.get()
        for message in work(performer, Task.from_json(received["task"])):
            send({**message, "number": received["number"]})
            if message["kind"] == "failed":
                performer = None
    # Nothing here is worth an orderly end, and what is half broken may never come to one.
    os._exit(1)


def _opened(factory: str, config: dict[str, Any], send: Any) -> Performer | None:
    try:
        performer = factory_named(factory)(config, lambda text: send({"kind": "say", "text": text}))
    except MachineError as error:
        send(failure(error))
    except AdaMMSError as error:
        send(error_message("unfit", error))
    except Exception as error:  # another worker may be luckier
        send(failure(error))
    else:
        send({"kind": "ready", "info": f"process {os.getpid()}", "cpu": time.process_time()})
        return performer
    return None


def _receive(inbox: "queue.SimpleQueue[dict[str, Any]]") -> None:
    for line in sys.stdin.buffer:
        inbox.put(json.loads(line))
    if os.getpgid(0) == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


if __name__ == "__main__":
    main()
