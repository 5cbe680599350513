"""A search at full size on one GPU: what a candidate costs, and what of it is not the model itself.

    python benchmarks/bench_gpu.py --json gpu.json [--folder /dev/shm/adamms] [--parts load,batches,...]
    python benchmarks/bench_gpu.py --tiny                  # every part in small, on a CPU

The real configurations of Qwen2-VL-7B (base) and LLaVA-OneVision-7B (donor) with random weights, bfloat16, in
one process; 100 pictures of 640 x 480 with prompts of 30 to 60 words, answers of 16 and of 64 tokens. Random
weights answer at random: speed and memory mean something here, what is chosen
does not. A part that fails leaves the others alone; parts that would begin after --budget seconds are left
out. Everything is printed as it comes, and written to --json after every part.
"""

import argparse
import gc
import itertools
import json
import shutil
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tests"), str(HERE.parent / "src")]

ALPHAS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
GB = 1e9


@dataclass
class Bench:
    """What the parts share, and the figures so far."""

    arguments: argparse.Namespace
    folder: Path
    start: float = field(default_factory=time.perf_counter)
    figures: dict[str, Any] = field(default_factory=dict)
    paths: Any = None
    parents: Any = None
    engine: Any = None
    examples: Any = None
    batch: int = 16
    weights: int = 0

    @property
    def lengths(self) -> tuple[int, int]:
        """Of short and of long answers."""
        return (4, 8) if self.arguments.tiny else (16, 64)

    @property
    def device(self) -> str:
        return "cpu" if self.arguments.tiny else "cuda"

    def note(self, name: str, value: Any) -> None:
        self.figures[name] = value
        shown = f"{value:.4g}" if isinstance(value, float) else value
        print(f"{time.perf_counter() - self.start:6.1f} s  {name:<58} {shown}", flush=True)

    def save(self) -> None:
        if self.arguments.json:
            self.arguments.json.write_text(json.dumps(self.figures, indent=1))


def synchronize() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(run: Callable[[], Any]) -> float:
    synchronize()
    start = time.perf_counter()
    run()
    synchronize()
    return time.perf_counter() - start


def fresh_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def note_memory(bench: Bench, name: str) -> None:
    import torch

    if torch.cuda.is_available():
        used, kept = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
        bench.note(f"{name}: peak GB allocated", used / GB)
        bench.note(f"{name}: peak GB reserved", kept / GB)
        bench.note(f"{name}: peak allocated / one model", used / bench.weights)
        bench.note(f"{name}: peak reserved / one model", kept / bench.weights)


def linear(alpha: float):
    from adamms.merging import make_method

    return make_method("linear", {"alpha": alpha})


# --- the parts


def environment(bench: Bench) -> None:
    import torch
    import transformers
    from transformers.utils import logging

    import adamms

    logging.disable_progress_bar()

    bench.note("torch, transformers", f"{torch.__version__}, {transformers.__version__}")
    bench.note("adamms", str(Path(adamms.__file__).parent))
    if torch.cuda.is_available():
        free, whole = torch.cuda.mem_get_info()
        bench.note("device", torch.cuda.get_device_name())
        bench.note("GB of it, free", [round(whole / GB, 1), round(free / GB, 1)])
        source = torch.empty(1 << 31, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(source)
        target.copy_(source)
        bench.note("copy on the device, GB/s read and written", 4.3 / seconds(lambda: target.copy_(source)))
        locked = torch.empty(1 << 28, dtype=torch.uint8, pin_memory=True)
        target[: 1 << 28].copy_(locked)
        took = seconds(lambda: [target[: 1 << 28].copy_(locked, non_blocking=True) for _ in range(8)])
        bench.note("page-locked memory to the device, GB/s", 8 * 0.268 / took)
        del source, target, locked
    for path in ("/dev/shm", tempfile.gettempdir()):
        bench.note(f"GB free in {path}", shutil.disk_usage(path).free / GB)
    bench.note("GB of main memory available", available() / GB)


def available() -> int:
    import torch

    from adamms.merging.parent_store import free_memory

    return free_memory(torch.device("cpu")) or 0


def bits(bench: Bench) -> None:
    """Blends on the device against the CPU's, for every method that is blended there."""
    import torch

    import tiny_models
    from adamms.checkpoints import Checkpoint
    from adamms.mapping import MappedDonor, map_parameters
    from adamms.merging import MappedCheckpoint, MergeInputs, all_methods, make_method
    from adamms.merging.parent_store import CachedParents, StreamedParents, elementwise
    from adamms.merging.tensors import TensorMerger

    root = bench.folder / "bits"
    device = torch.zeros(1, device=bench.device).device
    settings = [
        {"alpha": 0.3},
        {"alpha": 1.0},
        {"alpha": 0.3, "normalize": True},
        {"alpha": 0.3, "density": 1.0},
    ]
    settings += [{"alpha": 0.3, "lambda": 0.7, "normalize": True}, {"t": 0.1}, {}]
    for stored in ("float32", "bfloat16"):
        models = []
        for seed, (role, family) in enumerate(
            (("base", "qwen2_vl"), ("donor", "llava_onevision"), ("ancestor", "qwen2"))
        ):
            path = root / stored / role
            tiny_models.build(family, path, seed=seed, dtype="float16" if seed == 1 else stored)
            models.append(Checkpoint.open(path))
        base = models[0]
        views = [
            MappedCheckpoint(each, MappedDonor(map_parameters(base, each), base, each)) for each in models[1:]
        ]
        parents = MergeInputs(base, (views[0],), views[1])
        tried, wrong = [], []
        for one, given in itertools.product(all_methods(), settings):
            try:
                method = make_method(one.name, given)
                if not elementwise(method):
                    continue
                names = parents.changed(method)
                mapped = TensorMerger(parents)
                expected = {name: mapped.merged(name, method) for name in names}
            except Exception:  # settings of other methods
                continue
            for held in (CachedParents(parents, method, device=device), StreamedParents(device)):
                if held.on_cpu:
                    continue
                merger = TensorMerger(parents, store=held)
                label = f"{one.name} {given} {type(held).__name__}"
                same = all(torch.equal(merger.merged(name, method).cpu(), expected[name]) for name in names)
                tried.append(label)
                wrong += [] if same else [label]
        bench.note(
            f"bits on the device, {stored}: blends tried, methods",
            [len(tried), len({t.split()[0] for t in tried})],
        )
        bench.note(f"bits on the device, {stored}: different", wrong or "none")


def answers(bench: Bench) -> None:
    """Pooled answers in float32 against transformers' generate, one by one, on the same device."""
    import torch

    import tiny_models
    from adamms.answering.engine import EngineOptions
    from adamms.answering.transformers_engine import TransformersEngine
    from adamms.checkpoints import Checkpoint
    from adamms.responses.inputs import read_inputs
    from adamms.zoo import shipped_pair

    root = bench.folder / "answers"
    tiny_models.build("qwen2_vl", root / "base", generation={"eos_token_id": list(range(0, 260, 10))})
    lines = []
    for index in range(24):
        tiny_models.picture(48 + index % 3 * 16, 48, seed=index).save(root / f"{index}.png")
        line = {"id": str(index), "image": f"{index}.png", "prompt": "Why? " * (index % 5 + 1)}
        lines.append(json.dumps(line))
    (root / "inputs.jsonl").write_text("\n".join(lines))
    shipped = shipped_pair()
    asked = {"random": (root / "base", root / "inputs.jsonl"), "shipped": (shipped.base, shipped.inputs)}
    for name, (folder, inputs) in asked.items():
        examples = read_inputs(inputs)[: 8 if bench.arguments.tiny else 50]
        options = EngineOptions(max_new_tokens=16, batch_size=16, device=bench.device, dtype="float32")
        engine = TransformersEngine(Checkpoint.open(folder), options=options)
        engine.prepare(examples)
        ours = {
            answer.id: (answer.response, answer.tokens) for answer in engine.answer([e.id for e in examples])
        }
        same = 0
        for example in examples:
            inputs = engine._preparation.prepare(
                [engine._picture(path) for path in example.images], example.prompt
            )
            inputs = {key: value.to(bench.device) for key, value in inputs.items()}
            with torch.no_grad():
                ids = engine.model.generate(**inputs, do_sample=False, max_new_tokens=16)
            tokens = ids[0, inputs["input_ids"].shape[1] :].tolist()
            same += ours[example.id] == (engine._preparation.decode(tokens), len(tokens))
        bench.note(f"float32 answers, {name} model: equal to one by one", f"{same} of {len(examples)}")


def pair(bench: Bench) -> None:
    from full_size_pair import write_pair

    began = time.perf_counter()
    base, donor, inputs, size = write_pair(
        bench.folder / "pair", size="tiny" if bench.arguments.tiny else "full", inputs=bench.arguments.inputs
    )
    bench.paths = base, donor, inputs
    bench.note("pair written, GB", size / GB)
    bench.note("pair written, s", time.perf_counter() - began)


def load(bench: Bench) -> None:
    from adamms.answering.engine import EngineOptions
    from adamms.answering.transformers_engine import TransformersEngine
    from adamms.checkpoints import Checkpoint
    from adamms.mapping import MappedDonor, map_parameters
    from adamms.merging import MergeInputs
    from adamms.responses import read_inputs

    base_path, donor_path, inputs = bench.paths
    base, donor = Checkpoint.open(base_path), Checkpoint.open(donor_path)
    bench.parents = MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))
    fresh_memory()
    began = time.perf_counter()
    options = EngineOptions(
        max_new_tokens=bench.lengths[0], batch_size=16, device=bench.device, dtype="bfloat16"
    )
    bench.engine = TransformersEngine(base, changed=bench.parents.changed(linear(0.3)), options=options)
    synchronize()
    bench.note("load the base, s", time.perf_counter() - began)
    model = bench.engine.model
    bench.weights = sum(value.nbytes for value in itertools.chain(model.parameters(), model.buffers()))
    bench.note("one model, GB", bench.weights / GB)
    bench.note("attention", model.config._attn_implementation)
    bench.examples = read_inputs(inputs)
    bench.note(
        "prepare the inputs (vision features included), s",
        seconds(lambda: bench.engine.prepare(bench.examples)),
    )
    lengths = [prompt.length for prompt in bench.engine._prompts.values()]
    bench.note("inputs, tokens", [len(lengths), sum(lengths)])
    bench.note("batchable", sum(prompt.batchable for prompt in bench.engine._prompts.values()))


def sized(bench: Bench) -> list[int]:
    return [2, 4] if bench.arguments.tiny else [16, 32, 64]


def batches(bench: Bench) -> None:
    """Prefill through the engine and through the bare model, the same tokens in the same batches."""
    import torch

    from adamms.answering import decoding

    model = bench.engine.model
    prompts = sorted(bench.engine._prompts.values(), key=lambda prompt: prompt.length, reverse=True)
    tokens = sum(prompt.length for prompt in prompts)
    decoding.prefill(model, prompts[:2])

    @torch.no_grad()
    def bare(given: list[dict[str, Any]]) -> None:
        while given:
            model(**given.pop(), return_dict=True).logits[:, -1].argmax(dim=-1)

    for size in sized(bench):
        groups = [prompts[start : start + size] for start in range(0, len(prompts), size)]
        try:
            decoding.prefill(model, groups[0])
            ours = min(
                seconds(lambda groups=groups: [decoding.prefill(model, g) for g in groups]) for _ in range(2)
            )
            given = [[bare_inputs(model, group) for group in groups] for _ in range(2)]
            plain = min(seconds(lambda turn=turn: bare(turn)) for turn in given)
        except torch.OutOfMemoryError:
            fresh_memory()
            bench.note(f"prefill, batch {size}", "out of memory")
            continue
        bench.note(f"prefill, batch {size}: tokens/s through the engine", tokens / ours)
        bench.note(f"prefill, batch {size}: tokens/s of the bare model", tokens / plain)
        bench.note(f"prefill, batch {size}: engine / bare (goal 1.2)", ours / plain)
        del given


def bare_inputs(model: Any, prompts: list[Any]) -> dict[str, Any]:
    """What transformers' own forward takes, ready on the device: nothing of it is timed."""
    from transformers import DynamicCache

    from adamms.answering.prompts import collate

    batch = collate(prompts, device=model.device)
    return model.prepare_inputs_for_generation(
        batch.ids,
        is_first_iteration=True,
        past_key_values=DynamicCache(),
        attention_mask=batch.mask if batch.padded else None,
        position_ids=batch.positions,
        use_cache=True,
        logits_to_keep=1,
        mm_encoder_outputs={"image": batch.vision},
        **batch.types,
    )


@contextmanager
def timed_steps(spent: dict[str, float], counts: dict[str, int]):
    """The engine's prefills, steps and merges of pools, each waited for and timed."""
    from adamms.answering import decoding

    own = {name: getattr(decoding, name) for name in ("prefill", "step", "merge")}

    def wrapped(name: str):
        def run(*args: Any) -> Any:
            made = None

            def once() -> None:
                nonlocal made
                made = own[name](*args)

            if name == "step":
                counts["tokens"] += sum(not row.done for row in args[1].rows)
            counts[name] += 1
            spent[name] += seconds(once)
            return made

        return run

    try:
        for name in own:
            setattr(decoding, name, wrapped(name))
        yield
    finally:
        for name, function in own.items():
            setattr(decoding, name, function)


def asked_again(bench: Bench, limit: int, batch: int) -> None:
    """The same questions for another length of answer; features are kept."""
    import dataclasses

    engine = bench.engine
    engine._batch_size, engine._limit = batch, limit
    engine._prompts = {id_: dataclasses.replace(each, limit=limit) for id_, each in engine._prompts.items()}


def candidate(bench: Bench) -> None:
    """One candidate's answers, by batch size and length, and what they are made of."""
    engine = bench.engine
    ids = [example.id for example in bench.examples]
    best = None
    for size in sized(bench):
        asked_again(bench, bench.lengths[0], size)
        list(engine.answer(ids))
        took = seconds(lambda: list(engine.answer(ids)))
        bench.note(f"candidate, {bench.lengths[0]} tokens, batch {size}, s", took)
        if engine._batch_size != size:
            bench.note(f"candidate, batch {size}: halved for want of memory to", engine._batch_size)
        best = min(best or (took, size), (took, size))
    bench.batch = best[1]
    bench.note("batch from here on", bench.batch)
    for limit in bench.lengths:
        asked_again(bench, limit, bench.batch)
        took = seconds(lambda: list(engine.answer(ids)))
        bench.note(f"candidate, {limit} tokens, s", took)
        spent, counts = defaultdict(float), defaultdict(int)
        with timed_steps(spent, counts):
            whole = seconds(lambda: list(engine.answer(ids)))
        parts = {name: round(value, 3) for name, value in spent.items()}
        bench.note(f"candidate, {limit} tokens, waited for step by step", {"whole": round(whole, 3), **parts})
        bench.note(f"candidate, {limit} tokens, calls", dict(counts))
        if spent["step"]:
            bench.note(
                f"decode, {limit} tokens: tokens/s through the engine", counts["tokens"] / spent["step"]
            )


def one_pass(bench: Bench) -> None:
    """transformers alone: one model, the same questions once, padded batches."""
    import torch

    engine = bench.engine
    preparation, model = engine._preparation, engine.model
    preparation.tokenizer.padding_side = "left"
    took: dict[int, float] = {}
    short, long = bench.lengths
    for limit, size in dict.fromkeys(((short, 16), (short, bench.batch), (long, bench.batch))):
        pre = [0.0]

        def whole(limit: int = limit, size: int = size, pre: list[float] = pre) -> None:
            for start in range(0, len(bench.examples), size):
                began = time.perf_counter()
                batch = bench.examples[start : start + size]
                inputs = preparation.processor(
                    text=[preparation.render(len(example.images), example.prompt) for example in batch],
                    images=[[engine._picture(path) for path in example.images] for example in batch],
                    padding=True,
                    return_tensors="pt",
                )
                pre[0] += time.perf_counter() - began
                inputs = {
                    name: value.to(model.device, model.dtype if value.is_floating_point() else None)
                    for name, value in inputs.items()
                }
                with torch.no_grad():
                    ids = model.generate(**inputs, do_sample=False, max_new_tokens=limit)
                preparation.tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1] :])

        took[limit] = seconds(whole)
        bench.note(f"one pass, {limit} tokens, batch {size}, s", took[limit])
        bench.note(f"one pass, {limit} tokens, batch {size}, of it pre-processing, s", pre[0])
    if len(took) == 2:
        tokens = len(bench.examples) * (long - short)
        bench.note("decode: tokens/s of generate", tokens / (took[long] - took[short]))


class Clocked:
    """The engine, its moves and answers timed."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.device = engine.device
        self.prepared = 0.0
        self.moves: list[float] = []
        self.answers: list[float] = []

    def prepare(self, examples: Any) -> None:
        self.prepared += seconds(lambda: self._engine.prepare(examples))

    def load_weights(self, alpha: float, merged: Any) -> None:
        self.moves.append(seconds(lambda: self._engine.load_weights(alpha, merged)))

    def answer(self, ids: Any) -> Any:
        found: list[Any] = []
        self.answers.append(seconds(lambda: found.extend(self._engine.answer(ids))))
        return iter(found)


def search(bench: Bench, name: str, *, merger: Any, limit: int, batch: int) -> None:
    """A whole search, its inputs prepared anew, its model and parents where they are."""
    from adamms.answering.sweep import Sweep

    engine = bench.engine
    engine.forget(limit=limit)
    engine._batch_size = batch
    clocked = Clocked(engine)
    asking = Sweep(bench.parents, bench.examples, method=linear, engine=lambda changed, current: clocked)
    asking._merger = merger
    ids = [example.id for example in bench.examples]
    given: dict[float, dict[str, Any]] = {alpha: {} for alpha in ALPHAS}
    fresh_memory()
    began = time.perf_counter()
    for answer in asking.ask(dict.fromkeys(ALPHAS, ids)):
        given[answer.alpha][answer.id] = answer
    synchronize()
    whole = time.perf_counter() - began
    note_memory(bench, name)
    asked = sum(map(len, given.values()))
    bench.note(f"{name}: search, s", whole)
    bench.note(f"{name}: answers", f"{asked} of {len(ALPHAS) * len(ids)}")
    bench.note(f"{name}: of it preparing, moving, answering, s", [
        round(each, 2) for each in (clocked.prepared, sum(clocked.moves), sum(clocked.answers))
    ])  # fmt: skip
    bench.note(f"{name}: moves, s", [round(each, 4) for each in clocked.moves])
    moves, answered = sorted(clocked.moves[1:]), sorted(clocked.answers[1:])
    move, answer = moves[len(moves) // 2], answered[len(answered) // 2]
    bench.note(f"{name}: a candidate, s (median)", move + answer)
    bench.note(f"{name}: move / candidate (goal 2 %)", f"{move / (move + answer):.2%}")
    base = bench.figures.get(f"one pass, {limit} tokens, batch {batch}, s")
    if base:
        bench.note(f"{name}: search / one pass (goal 3)", whole / base)


def merger_of(bench: Bench, wanted: str) -> Any:
    from adamms.merging.parent_store import choose_parent_store
    from adamms.merging.tensors import TensorMerger

    began = time.perf_counter()
    held, told = choose_parent_store(bench.parents, linear(0.3), device=bench.engine.device, wanted=wanted)
    synchronize()
    bench.note(f"{wanted}: parents ready, s", time.perf_counter() - began)
    bench.note(f"{wanted}: where", told)
    return TensorMerger(bench.parents, store=held)


def moves(bench: Bench, name: str, merger: Any) -> None:
    """Moves alone, the first of them cold."""
    taken = [
        seconds(lambda a=a: bench.engine.load_weights(a, merger.candidate(linear(a))))
        for a in (0.3, 0.4, 0.0, 0.5)
    ]
    bench.note(f"{name}: moves to 0.3, 0.4, 0, 0.5, s", [round(each, 4) for each in taken])


def on_cpu(bench: Bench) -> None:
    """What mapped parents cost where they are blended on the CPU, as methods that measure are."""
    from adamms.merging.tensors import TensorMerger

    merger = TensorMerger(bench.parents)
    bench.note(
        "blended on the CPU: a move, s",
        seconds(lambda: bench.engine.load_weights(0.3, merger.candidate(linear(0.3)))),
    )


def mapped(bench: Bench) -> None:
    merger = merger_of(bench, "mapped")
    moves(bench, "mapped", merger)
    # The default batch size: the peak of memory is the default's, too.
    search(bench, "mapped", merger=merger, limit=bench.lengths[0], batch=16)


def resident(bench: Bench) -> None:
    fresh_memory()
    merger = merger_of(bench, "resident")
    moves(bench, "resident", merger)
    # As a search with resident parents does.
    bench.engine.grow_pool()
    short, long = bench.lengths
    given = {"merger": merger, "batch": bench.batch}
    search(bench, "resident", limit=short, **given)
    bench.save()
    search(bench, f"resident, {long} tokens", limit=long, **given)


def same_answers(bench: Bench) -> None:
    """Mapped and resident blends in the live model, parameter for parameter."""
    import torch

    model = bench.engine.model
    merger = merger_of(bench, "mapped")
    bench.engine.load_weights(0.3, merger.candidate(linear(0.3)))
    name = "model.layers.1.mlp.down_proj.weight"
    from adamms.merging.tensors import merged_tensor

    expected = merged_tensor(bench.parents, name, method=linear(0.3))
    live = next(
        value for key, value in model.named_parameters() if key.endswith("layers.1.mlp.down_proj.weight")
    )
    bench.note("full size: a blended matrix equals the CPU's", torch.equal(live.cpu(), expected))


PARTS: dict[str, Callable[[Bench], None]] = {
    "environment": environment,
    "bits": bits,
    "pair": pair,
    "load": load,
    "same": same_answers,
    "batches": batches,
    "candidate": candidate,
    "one-pass": one_pass,
    "mapped": mapped,
    "resident": resident,
    "on-cpu": on_cpu,
    "answers": answers,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path, help="where the pair is written: 33 GB")
    parser.add_argument("--inputs", type=int)
    parser.add_argument("--budget", type=float, default=480.0, help="no part begins after so many seconds")
    parser.add_argument("--parts", default=",".join(PARTS))
    arguments = parser.parse_args()
    arguments.inputs = arguments.inputs or (6 if arguments.tiny else 100)
    parent = arguments.folder
    if parent is None and not arguments.tiny and shutil.disk_usage("/dev/shm").free > 40 * GB:
        parent = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=parent) as folder:
        bench = Bench(arguments, Path(folder))
        for name in arguments.parts.split(","):
            if time.perf_counter() - bench.start > arguments.budget:
                bench.note(f"part {name}", "left out: no time")
                continue
            print(f"--- {name}", flush=True)
            began = time.perf_counter()
            try:
                PARTS[name](bench)
            except Exception as error:
                traceback.print_exc(file=sys.stdout)
                bench.note(f"part {name} failed", f"{type(error).__name__}: {error}"[:300])
            bench.note(f"part {name}, s", time.perf_counter() - began)
            bench.save()
            fresh_memory()
    print("=== all figures", flush=True)
    for name, value in bench.figures.items():
        print(f"{name:<60} {value:.4g}" if isinstance(value, float) else f"{name:<60} {value}")


if __name__ == "__main__":
    main()
