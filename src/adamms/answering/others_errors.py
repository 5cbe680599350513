"""What libraries raise when a checkpoint's settings lie to them, told as the checkpoint's fault.

An end token that is text, a banned word beyond the vocabulary, a tokenizer without the image's token:
transformers finds them deep inside, and raises whatever comes. An error whose last frame is ours stays ours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from adamms.answering.processor import sentence
from adamms.errors import AdaMMSError, SearchError

OURS = str(Path(__file__).parent.parent)


@contextmanager
def explained(model: Any) -> Iterator[None]:
    """Turn what others raise of wrong values into a sentence; what memory or the device says is left alone.

    Raises:
        SearchError: the settings of the model's checkpoint do not fit it.
    """
    try:
        yield
    except AdaMMSError:
        raise
    except (
        TypeError,
        ValueError,
        IndexError,
        KeyError,
        AttributeError,
        OverflowError,
        AssertionError,
    ) as error:
        if raised_by_us(error):
            raise
        raise SearchError(
            f"{type(model).__name__} cannot be asked: {sentence(error)}; the settings of its checkpoint "
            "(config.json, generation_config.json, the tokenizer's files) do not fit its weights, so fetch "
            "them again."
        ) from error


def raised_by_us(error: BaseException) -> bool:
    """Whether the innermost frame of an error is of this package."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(OURS)
