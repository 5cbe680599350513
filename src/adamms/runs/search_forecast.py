"""What a search will take: who is asked how much, in how much memory, for how long."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adamms.answering.engine import DEFAULT, can_read, is_noisy
from adamms.errors import AdaMMSError
from adamms.recipes.options import SearchOptions
from adamms.runs import calibration, forecast
from adamms.runs.forecast import Asked, Forecast, Work
from adamms.runs.loading import LoadedModels
from adamms.runs.merge_forecast import fetched_bytes, merge_seconds, written_bytes
from adamms.runs.model_size import ModelSize

if TYPE_CHECKING:
    from adamms.runs.search_plan import SearchPlan

ITEMSIZES = {"float32": 4, "bfloat16": 2, "float16": 2}


def search_forecast(loaded: LoadedModels, plan: "SearchPlan", out: Path, *, thorough: bool) -> Forecast:
    """What a search will take.

    Args:
        loaded: the models, at least their headers.
        plan: the questions and the candidates.
        out: where it is written.
        thorough: whether processors that are at hand are asked what they make of a few inputs.
    """
    # Late: a merge asks for no device.
    from adamms.workers.devices import on_gpu

    options, gpu = plan.options, on_gpu(plan.options.device)
    inputs = len(plan.examples) or options.samples
    base = ModelSize.of(loaded.base, picture=_picture(plan))
    donors = [ModelSize.of(view.checkpoint, picture=_picture(plan)) for view in loaded.parents.donors]
    asked = asked_of(plan, inputs, donors=len(donors), pretrained=loaded.parents.pretrained is not None)
    sizes = [base, *(donors if any(entry.model.startswith("donor") for entry in asked) else [])]
    itemsize = ITEMSIZES[options.dtype] if options.dtype else None if gpu else ITEMSIZES["float32"]
    card = _gpu_bytes() if gpu else forecast.ASSUMED_GPU
    on_card = itemsize if gpu else ITEMSIZES.get(options.dtype or "")
    gpus = options.gpus_per_model or forecast.gpus_of_model(sizes, gpu_bytes=card, itemsize=on_card)
    memory = forecast.memory_of(sizes, itemsize=itemsize, gpu=gpu)
    written, fetched = written_bytes(loaded), fetched_bytes(loaded)
    copies = 1 + (len(plan.alphas) if options.keep_all else 0) + (options.engine_name == "command")
    notes = []
    prompts = calibration.estimated_prompts(base, plan.examples)
    why = _unforeseen(options, memory, gpu=gpu, fetched=fetched, thorough=thorough)
    if why is None and thorough:
        assert loaded.base.folder is not None
        exact = calibration.prepared_prompts(loaded.base.folder, base, plan.examples, options)
        prompts = exact or prompts
    theirs = [_as_of(donor, base, prompts) for donor in donors]
    works = [_work(entry, base, donors, prompts, theirs) for entry in asked]
    expected = min(options.max_new_tokens, forecast.EXPECTED)
    workers = options.workers or 1
    seconds = at_most = None
    if why is None:
        speed = calibration.measure_speed(base, options, gpu=gpu)
        moves = 1 + sum(entry.model == "candidate" for entry in asked)
        at_once = workers if gpu else min(workers, max(_cores() // _threads(), 1))
        writing = merge_seconds(loaded, out, copies * written) or 0.0
        seconds, at_most = (
            writing
            + forecast.search_seconds(works, speed, answer=answer, workers=at_once, moves=moves, gpu=gpu)
            for answer in (expected, options.max_new_tokens)
        )
        notes.append(f"Time is for answers of {expected} tokens.")
    else:
        notes.append(f"Time is not foreseen: {why}")
    if not prompts.exact:
        notes.append("Tokens are estimated from letters and configs.")
    if not gpu:
        notes.append(f"GPUs a model are counted for {card / 1e9:.0f} GB each; none is used here.")
    if plan.reads:
        notes.append("Candidates read: as many as may be worth it are counted.")
    return Forecast(
        candidates=len(plan.alphas),
        inputs=inputs,
        passes=sum(entry.inputs for entry in asked) / inputs,
        asked=asked,
        prompt_tokens=round(prompts.tokens, 1),
        tokens_read=round(sum(work.tokens(expected) for work in works)),
        tokens_written=sum(entry.inputs for entry in asked if not entry.reads) * options.max_new_tokens,
        download_bytes=fetched,
        disk_bytes=fetched + copies * written,
        memory_per_worker_bytes=memory,
        gpus_per_model=gpus,
        gpu_bytes=card,
        workers=workers,
        seconds=None if seconds is None else round(seconds, 1),
        seconds_at_most=None if at_most is None else round(at_most, 1),
        notes=tuple(notes),
    )


def asked_of(plan: "SearchPlan", inputs: int, *, donors: int, pretrained: bool) -> tuple[Asked, ...]:
    """Who is asked how much, at most, in the order in which it is.

    Args:
        plan: the candidates and the rule.
        inputs: how many.
        donors: how many.
        pretrained: whether theta_0 was named.
    """
    # Late: numpy.
    from adamms.searching.read_search import AGREEMENTS, DISAGREEMENTS, first_to_read

    options, asked = plan.options, []
    if options.witnessed and not options.donor_answers:
        # Alpha 1 in the base's body stands for a donor that is not asked.
        kind = "stand-in" if options.no_donor else "donor"
        asked += [Asked(f"{kind} {number}", inputs) for number in range(1, donors + 1)]
    if plan.asks_base:
        asked.append(Asked("base", inputs))
    theta = options.witnessed and pretrained and can_read(options.engine_name)
    if not plan.reads:
        asked += [Asked("candidate", inputs) for _ in plan.alphas]
        asked += [Asked("pretrained", inputs, reads=True)] * theta
        if is_noisy(options.engine_name):
            asked.append(Asked("candidate", min(inputs, 50)))
        return tuple(asked)
    if not plan.asks_base:
        asked.append(Asked("base", inputs))
    few = min(inputs, DISAGREEMENTS + AGREEMENTS)
    first = first_to_read(plan.alphas)
    unread = [alpha not in first for alpha in plan.alphas]
    more = max(sum(unread[max(place - 1, 0) : place + 2]) for place in range(len(unread)))
    asked += [Asked("pretrained", few, reads=True)] * theta
    asked += [Asked("candidate", few, reads=True)] * (len(first) + more)
    asked.append(Asked("candidate", few))
    return tuple(asked)


def _work(
    entry: Asked,
    base: ModelSize,
    donors: list[ModelSize],
    own: calibration.Prompts,
    theirs: list[calibration.Prompts],
) -> Work:
    kind, _, number = entry.model.partition(" ")
    if kind == "donor":
        return Work(donors[int(number) - 1], theirs[int(number) - 1], entry)
    return Work(base, own, entry, parents=1 + len(donors))


def _as_of(donor: ModelSize, base: ModelSize, prompts: calibration.Prompts) -> calibration.Prompts:
    """A donor's prompts: the base's, with as many tokens and patches more or less a picture."""
    pictures = prompts.patches / base.patches if base.patches else 0.0
    tokens = max(prompts.tokens + pictures * (donor.image_tokens - base.image_tokens), 1.0)
    return replace(prompts, tokens=tokens, patches=pictures * donor.patches)


def _picture(plan: "SearchPlan") -> tuple[int, int]:
    """The size of the first picture that opens; a common one where there is none."""
    for example in plan.examples[:8]:
        for path in example.images:
            # Late: most plans of merges have no picture.
            from adamms.answering.transformers_engine import open_image

            try:
                return open_image(path).size
            except AdaMMSError:
                continue
    return (448, 448)


def _unforeseen(
    options: SearchOptions, memory: int, *, gpu: bool, fetched: int, thorough: bool
) -> str | None:
    """Why no time can be told; None where it can."""
    # Late: only a search needs them.
    from importlib.util import find_spec

    if fetched:
        return "the models are still to be downloaded."
    if options.engine_name != DEFAULT:
        return f"how fast {options.engine_name} is is not known beforehand."
    if options.executor == "ray":
        return "workers run elsewhere."
    if options.shared and not thorough:
        # Who only hands out the work imports no torch.
        return "the workers' first answers tell."
    if find_spec("torch") is None:
        return "torch is not installed."
    if not gpu and memory > (here := _main_memory()):
        return f"{forecast.in_bytes(memory)} are needed and this machine has {forecast.in_bytes(here)}."
    return None


def _gpu_bytes() -> int:
    import torch

    return torch.cuda.get_device_properties(0).total_memory


def _main_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 1 << 62


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _threads() -> int:
    import torch

    return torch.get_num_threads()
