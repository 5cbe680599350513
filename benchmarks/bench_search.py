"""What a search costs, against the same search as everybody runs it; every answer compared token for token.

    python benchmarks/bench_search.py [--inputs 100] [--threads 1] [--tiny [--near]] [--only naive,drift,...]

Five ways to put the same questions to the same seven candidates in float32, CPU seconds (user + system)
measured for each:

    sweep     ours: one live model, weights moved in place, images encoded once, batched and pooled
    naive     in one process: for each alpha write the merged checkpoint, load it, generate one by one
    as run    the same with two fresh processes a candidate, one that merges and one that answers
    one pass  transformers alone, one model, the same questions once, padded batches of 16

Then what a lower precision does to the answers and to the choice (drift), and what a move of the weights
costs, from the parents' files and from copies in memory (moves). It runs on the shipped pair, or with --tiny
on random models of the same architectures; with --near these answer at length and the donor is a near
relative.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ALPHAS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
PLAIN_BATCH = 16
TURNS = 5
HERE = Path(__file__).resolve()


@dataclass(frozen=True)
class Setting:
    base: Path
    donor: Path
    inputs: Path
    count: int
    new: int
    batch: int | None
    threads: int

    def arguments(self) -> list[str]:
        pairs = [("base", self.base), ("donor", self.donor), ("file", self.inputs), ("inputs", self.count)]
        pairs += [("new", self.new), ("threads", self.threads)]
        pairs += [("batch", self.batch)] if self.batch else []
        return [text for name, value in pairs for text in (f"--{name}", str(value))]


def cpu_seconds() -> float:
    """User and system time of this process and of those it waited for."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def opened(setting: Setting):
    from adamms.checkpoints import Checkpoint
    from adamms.mapping import MappedDonor, map_parameters
    from adamms.merging import MergeInputs

    base, donor = Checkpoint.open(setting.base), Checkpoint.open(setting.donor)
    return MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))


def examples_of(setting: Setting):
    from adamms.responses import read_inputs, sample

    return sample(read_inputs(setting.inputs), setting.count, seed=0)


def method(alpha: float):
    from adamms.merging import make_method

    return make_method("linear", {"alpha": alpha})


def run_sweep(setting: Setting) -> dict[str, list[str]]:
    return told(responses_of(setting))


def told(responses) -> dict[str, list[str]]:
    return {
        f"{alpha} {id_}": [answer.response, answer.tokens]
        for alpha, answered in responses.items()
        for id_, answer in answered.items()
    }


def responses_of(setting: Setting, *, dtype: str | None = None):
    """A search's answers, as `adamms search` has them."""
    from adamms.answering.engine import EngineOptions
    from adamms.answering.sweep import Sweep, transformers_opener

    examples, parents = examples_of(setting), opened(setting)
    options = EngineOptions(max_new_tokens=setting.new, batch_size=setting.batch, device="cpu", dtype=dtype)
    asking = Sweep(
        parents,
        examples,
        method=method,
        engine=transformers_opener(parents, options),
    )
    ids = [example.id for example in examples]
    answers: dict = {alpha: {} for alpha in ALPHAS}
    for answer in asking.ask(dict.fromkeys(ALPHAS, ids)):
        answers[answer.alpha][answer.id] = answer
    return answers


def drift(setting: Setting) -> str:
    """What bfloat16 arithmetic does to the answers and to the choice, against float32."""
    from adamms.searching import select
    from adamms.searching.signals import all_signals

    exact, low = (responses_of(setting, dtype=dtype) for dtype in ("float32", "bfloat16"))
    before, after = told(exact), told(low)
    changed = sum(before[key][0] != after[key][0] for key in before)
    choices = []
    for signal in all_signals():
        first, second = (select(each).signal(signal.name).selected for each in (exact, low))
        if first is not None:
            choices.append(f"{signal.name} {first:g}" + ("" if first == second else f" -> {second:g}"))
    return (
        f"drift of bfloat16           {changed / len(before):.1%} of {len(before)} answers change; chosen: "
        f"{', '.join(choices)}"
    )


def moves(setting: Setting) -> str:
    """CPU seconds of a whole move of the weights, from the files and from copies in memory."""
    import torch

    from adamms.merging.parent_store import CachedParents
    from adamms.merging.tensors import TensorMerger

    parents = opened(setting)
    names = parents.changed(method(0.5))
    held = CachedParents(parents, method(0.5), device=torch.device("cpu"))
    mergers = {"mapped": TensorMerger(parents), "resident": TensorMerger(parents, store=held)}
    spent = dict.fromkeys(mergers, 0.0)
    for turn in range(6):
        for name, merger in mergers.items():
            start = cpu_seconds()
            for tensor in names:
                merger.merged(tensor, method(0.5))
            spent[name] += (cpu_seconds() - start) if turn else 0
    return ", ".join(f"{name} {seconds / 5:.4f} CPU s a move" for name, seconds in spent.items())


def write_merged(setting: Setting, alpha: float, folder: Path) -> None:
    from adamms.checkpoints import CheckpointWriter
    from adamms.merging.stream import stream_merge

    parents = opened(setting)
    writer = CheckpointWriter(folder, parents.base)
    stream_merge(parents, method=method(alpha), writer=writer)
    writer.finish()


def answer_one_by_one(setting: Setting, alpha: float, folder: Path) -> dict[str, list[str]]:
    """The plain loop of transformers' documentation."""
    import torch
    from transformers import AutoModelForImageTextToText

    from adamms.answering.preparation import Preparation
    from adamms.answering.transformers_engine import open_image

    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    preparation = Preparation.from_folder(folder)
    answers = {}
    for example in examples_of(setting):
        inputs = preparation.prepare([open_image(path) for path in example.images], example.prompt)
        ids = model.generate(**inputs, do_sample=False, max_new_tokens=setting.new)
        tokens = ids[0, inputs["input_ids"].shape[1] :].tolist()
        answers[f"{alpha} {example.id}"] = [preparation.decode(tokens), len(tokens)]
    return answers


def run_naive(setting: Setting) -> dict[str, list[str]]:
    answers = {}
    for alpha in ALPHAS:
        with tempfile.TemporaryDirectory() as folder:
            write_merged(setting, alpha, Path(folder) / "merged")
            answers |= answer_one_by_one(setting, alpha, Path(folder) / "merged")
    return answers


def run_as_run(setting: Setting) -> dict[str, list[str]]:
    answers = {}
    for alpha in ALPHAS:
        with tempfile.TemporaryDirectory() as folder:
            for part in ("merge", "answer"):
                command = [sys.executable, str(HERE), *setting.arguments(), "--part", part]
                command += ["--alpha", str(alpha), "--folder", folder]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            answers |= json.loads(done.stdout)
    return answers


def run_one_pass(setting: Setting) -> None:
    """One model, the same questions once, padded batches: the least that transformers alone can do."""
    import torch
    from transformers import AutoModelForImageTextToText

    from adamms.answering.preparation import Preparation
    from adamms.answering.transformers_engine import open_image

    model = AutoModelForImageTextToText.from_pretrained(setting.base, dtype=torch.float32).eval()
    preparation = Preparation.from_folder(setting.base)
    preparation.tokenizer.padding_side = "left"
    examples = examples_of(setting)
    for start in range(0, len(examples), PLAIN_BATCH):
        batch = examples[start : start + PLAIN_BATCH]
        inputs = preparation.processor(
            text=[preparation.render(len(example.images), example.prompt) for example in batch],
            images=[[open_image(path) for path in example.images] for example in batch],
            padding=True,
            return_tensors="pt",
        )
        ids = model.generate(**inputs, do_sample=False, max_new_tokens=setting.new)
        preparation.tokenizer.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)


def measured(name: str, run, setting: Setting):
    wall, cpu = time.perf_counter(), cpu_seconds()
    answers = run(setting)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    print(f"{name:<10} {cpu:8.2f} CPU s {wall:8.2f} s", file=sys.stderr, flush=True)
    return cpu, answers


def in_turn(runs: dict, setting: Setting) -> tuple[dict, dict]:
    """Medians of short runs made in turn, so that a machine's moods meet all alike; and what they gave."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    found = {}
    for _ in range(TURNS):
        for name, run in runs.items():
            cpu, found[name] = measured(name, run, setting)
            taken[name].append(cpu)
    return {name: statistics.median(each) for name, each in taken.items()}, found


def process(name: str, setting: Setting):
    """A whole process from its start, as a user pays for it."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    command = [sys.executable, str(HERE), *setting.arguments(), "--part", name]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    print(f"{name} (process) {cpu:8.2f} CPU s {wall:8.2f} s", file=sys.stderr, flush=True)
    return cpu, json.loads(done.stdout)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--new", type=int, default=16, help="most new tokens")
    parser.add_argument("--batch", type=int, help="of the search; default: the search's own choice")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="random models instead of the shipped pair")
    parser.add_argument("--near", action="store_true", help="random models that answer at length")
    parser.add_argument("--only", default="naive,as run,one pass,drift,moves")
    parser.add_argument("--json", action="store_true")
    for name in ("base", "donor", "file", "folder"):
        parser.add_argument(f"--{name}", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--alpha", type=float, help=argparse.SUPPRESS)
    return parser.parse_args()


def part(arguments: argparse.Namespace, setting: Setting) -> None:
    """What a process of its own does."""
    folder = arguments.folder / "merged" if arguments.folder else None
    if arguments.part == "merge":
        write_merged(setting, arguments.alpha, folder)
        return
    if arguments.part == "answer":
        print(json.dumps(answer_one_by_one(setting, arguments.alpha, folder)))
        shutil.rmtree(folder)
        return
    print(json.dumps(run_sweep(setting)))


def compare(setting: Setting, only: list[str]) -> dict[str, float]:
    import torch

    torch.set_num_threads(setting.threads)
    from adamms.answering.sweep import Sweep  # noqa: F401  # imports are not what the in-process figures are about

    small = Setting(**{**setting.__dict__, "count": 2})
    run_naive(small)
    run_sweep(small)
    short = {"sweep": run_sweep}
    if "one pass" in only:
        short["one pass"] = run_one_pass
    figures, found = in_turn(short, setting)
    answers = found["sweep"]
    if "naive" in only:
        figures["naive"], expected = measured("naive", run_naive, setting)
        assert answers == expected, "the answers differ"
    if "as run" in only:
        figures["sweep, process"], again = process("sweep", setting)
        figures["as run"], expected = measured("as run", run_as_run, setting)
        assert again == answers == expected, "the answers differ"
    if "drift" in only:
        figures["drift"] = drift(setting)
    if "moves" in only:
        figures["moves"] = moves(setting)
    return figures


def main() -> None:
    arguments = parse()
    if arguments.part:
        import torch

        torch.set_num_threads(arguments.threads)
        setting = Setting(
            arguments.base, arguments.donor, arguments.file, arguments.inputs, arguments.new, arguments.batch,
            arguments.threads,
        )  # fmt: skip
        part(arguments, setting)
        return
    with tempfile.TemporaryDirectory() as folder:
        if arguments.tiny:
            from tiny_pair import tiny_pair

            base, donor, inputs = tiny_pair(Path(folder), near=arguments.near)
        else:
            from adamms.zoo import shipped_pair

            pair = shipped_pair()
            base, donor, inputs = pair.base, pair.donor, pair.inputs
        setting = Setting(
            base, donor, inputs, arguments.inputs, arguments.new, arguments.batch, arguments.threads
        )
        figures = compare(setting, arguments.only.split(","))
    print(json.dumps(figures) if arguments.json else table(figures))


def table(figures: dict[str, float]) -> str:
    timed = ("sweep", "naive", "sweep, process", "as run", "one pass")
    lines = [f"{name:<16} {figures[name]:8.2f} CPU s" for name in timed if name in figures]
    ours = figures["sweep"]
    if "naive" in figures:
        lines.append(f"naive / sweep              {figures['naive'] / ours:5.1f}x   (goal: at least 5x)")
    if "as run" in figures:
        ratio = figures["as run"] / figures["sweep, process"]
        lines.append(f"as run / sweep, processes  {ratio:5.1f}x   (goal: at least 10x)")
    if "one pass" in figures:
        lines.append(f"sweep / one pass           {ours / figures['one pass']:5.1f}x")
    lines += [figures[name] for name in ("drift", "moves") if name in figures]
    lines.append("identical answers, token counts included")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
