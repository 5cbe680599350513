"""How fast this machine computes, in a fraction of a second: products, small steps, and files.

Of a model only its sizes are used: the matrices are of its widths and hold noise. Nothing is loaded.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.errors import AdaMMSError
from adamms.runs.model_size import ModelSize

if TYPE_CHECKING:
    from adamms.recipes.options import SearchOptions
    from adamms.responses import Example

ROWS = (512, 16)
"""Rows of a product while prompts are read, and while answers are written."""
ENOUGH = 0.04
"""Seconds after which a figure is believed."""
WIDEST = 1 << 26
"""Elements of the matrix that is multiplied, at most."""
SHOWN = 3
"""Inputs that a processor is given to see what it makes of them."""
STARTING = 6.0
"""Seconds until torch and transformers are imported, where that was not seen."""


@dataclass(frozen=True)
class Speed:
    """How fast this machine computes with a model's widths."""

    reading: float
    """Multiplications and additions a second with many rows, counted as two."""
    writing: float
    """The same with few rows, where fetching the weights is what takes time."""
    call: float
    """Seconds of a call of torch's on next to nothing."""
    starting: float
    """Seconds until a process can load a model."""


@dataclass(frozen=True)
class Prompts:
    """What questions become: measured by a processor, or estimated."""

    tokens: float
    """A question's, its pictures included."""
    patches: float
    """That the tower sees of its pictures."""
    seconds: float
    """That preparing it takes."""
    exact: bool = False


def measure_speed(size: ModelSize, options: "SearchOptions", *, gpu: bool) -> Speed:
    """Multiply matrices of a model's widths.

    Args:
        size: the model's.
        options: which device, and in what dtype.
        gpu: whether it answers on a GPU.
    """
    # Processor time: of a busy machine's waiting a run has its own share.
    known, began = "torch" in sys.modules, time.process_time()
    import torch

    imported = time.process_time() - began
    device = torch.device(
        options.device if options.device not in (None, "auto") else "cuda" if gpu else "cpu"
    )
    dtype = getattr(torch, options.dtype or ("bfloat16" if gpu else "float32"))
    inner = min(size.inner, max(WIDEST // size.hidden, 1))
    weights = torch.full((inner, size.hidden), 0.5, dtype=dtype, device=device)
    rates = []
    with torch.inference_mode():
        for rows in ROWS:
            states = torch.full((rows, size.hidden), 0.5, dtype=dtype, device=device)
            seconds = _seconds(partial(torch.nn.functional.linear, states, weights), device)
            seconds /= 1 if device.type == "cuda" else torch.get_num_threads()
            rates.append(2 * rows * weights.numel() / seconds)
        little = torch.zeros(1, 8, dtype=dtype, device=device)
        call = _seconds(lambda: little * little, device)
    # Transformers' own modules take about twice as long to import as torch.
    return Speed(rates[0], rates[1], call, STARTING if known else 3 * imported)


def _seconds(work: Callable[[], Any], device: Any) -> float:
    """Of one call, the fastest of as many as fit into a moment; on a CPU its threads' seconds together.

    Of a busy CPU the clock tells what else runs; processor time tells the machine's pace.
    """
    import torch

    clock = time.perf_counter if device.type == "cuda" else time.process_time

    def once() -> float:
        began = clock()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return clock() - began

    once()
    taken: list[float] = []
    while sum(taken) < ENOUGH or len(taken) < 3:
        taken.append(once())
    return min(taken)


def estimated_prompts(size: ModelSize, examples: "Sequence[Example]") -> Prompts:
    """What questions become, from their letters and the model's configs."""
    count = max(len(examples), 1)
    # English is about four letters a token; a chat template adds some twenty tokens.
    letters = sum(len(example.prompt) for example in examples) / count if examples else 200
    shown = sum(len(example.images) for example in examples) / count if examples else 1
    return Prompts(letters / 4 + 20 + shown * size.image_tokens, shown * size.patches, 0.003 + 0.004 * shown)


def prepared_prompts(
    folder: Path, size: ModelSize, examples: "Sequence[Example]", options: "SearchOptions"
) -> Prompts | None:
    """What a model's own processor makes of a few questions; None where it is not at hand.

    Args:
        folder: the model's.
        size: its.
        examples: the questions.
        options: whether code of the folder's may run, and where a tower is.
    """
    from adamms.answering.preparation import Preparation
    from adamms.answering.transformers_engine import open_image

    few = examples[:: max(len(examples) // SHOWN, 1)][:SHOWN]
    if not few or any(example.audio or example.video for example in few):
        return None
    try:
        preparation = Preparation.from_folder(
            folder, trust_remote_code=options.trust_remote_code, vision_tower=options.vision_tower
        )
        made, began = [], time.process_time()
        for example in few:
            images = [open_image(path) for path in example.images]
            made.append(preparation.prepare(images, example.prompt))
        seconds = (time.process_time() - began) / len(few)
    except (AdaMMSError, ImportError, OSError):
        # The run itself says what is wrong with it.
        return None
    tokens = sum(inputs["input_ids"].shape[-1] for inputs in made) / len(few)
    guess = estimated_prompts(size, few)
    # Towers see as much more as the prompt turned out to be longer.
    text = guess.tokens - sum(len(example.images) for example in few) / len(few) * size.image_tokens
    share = max(tokens - text, 0) / max(guess.tokens - text, 1)
    return Prompts(tokens, guess.patches * share, seconds, exact=True)
