"""What a worker and the one who shares work out tell each other, and what a worker does with a task.

To a worker goes its configuration, then one task at a time. Back come messages, each an object with a `kind`:

    ready      it can work; "info" says where it runs, "cpu" what it took so far in processor seconds
    unfit      nothing is wrong with the worker, but with what it was to load: "error", "message"
    alive      a sign of life while a task lasts
    say        "text", for a person
    answers    "answers" to some of a task's inputs, or to all of them where they are kept together
    done       the task is done; "cpu" as above
    refused    the model of this task cannot be asked: "error", "message"
    failed     the worker is of no more use: "why"
    lost       (told by whoever watches it) it is gone: "why"
"""

import sys
import time
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Protocol

from adamms import errors
from adamms.answering.tasks import Answer, Task, answer_to_json, in_order
from adamms.errors import AdaMMSError, MachineError, SearchError

Message = dict[str, Any]
ALIVE_EVERY = 1.0
"""Seconds between two signs of life."""


class Performer(Protocol):
    """What works a worker's tasks off; it has a `close()` too."""

    def perform(self, task: Task) -> Iterator[Answer]:
        """The answers to a task's inputs, in any order."""


Factory = Callable[[dict[str, Any], Callable[[str], None]], Performer]
"""From a worker's configuration, and what tells a person something, to what works its tasks off."""


def factory_named(name: str) -> Factory:
    """The function `module:name`."""
    module, _, function = name.partition(":")
    factory: Factory = getattr(import_module(module), function)
    return factory


def error_message(kind: str, error: AdaMMSError) -> Message:
    """An error as it travels."""
    return {"kind": kind, "error": type(error).__name__, "message": str(error)}


def error_of(message: Message) -> AdaMMSError:
    """The error that `error_message` described."""
    kind = getattr(errors, message["error"], SearchError)
    if not (isinstance(kind, type) and issubclass(kind, AdaMMSError)) or kind is errors.MissingPackageError:
        kind = SearchError
    error: AdaMMSError = kind(message["message"])
    return error


def failure(error: BaseException) -> Message:
    """That a worker is of no more use; where nobody expected it, its standard error says more."""
    if not isinstance(error, MachineError):
        traceback.print_exception(error, file=sys.stderr)
    text = str(error) if isinstance(error, AdaMMSError) else f"{type(error).__name__}: {error}"
    return {"kind": "failed", "why": text}


def work(performer: Performer, task: Task) -> Iterator[Message]:
    """What a worker tells while it works a task off; after `failed` it is to be ended."""
    answers: list[Answer] = []
    spoke = time.monotonic()
    try:
        for answer in performer.perform(task):
            if not task.kept_together:
                yield {"kind": "answers", "answers": [answer_to_json(answer)]}
                continue
            answers.append(answer)
            if time.monotonic() - spoke > ALIVE_EVERY:
                spoke = time.monotonic()
                yield {"kind": "alive"}
    except MachineError as error:
        # Too little memory mostly: another process may have more of it.
        yield failure(error)
    except AdaMMSError as error:
        yield error_message("refused", error)
    except Exception as error:  # whatever it was, the others go on
        yield failure(error)
    else:
        if answers:
            yield {"kind": "answers", "answers": [answer_to_json(a) for a in in_order(task, answers)]}
        yield {"kind": "done", "cpu": time.process_time()}
