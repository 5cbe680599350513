"""What the search that reads costs beside both parents' own answers, and against the exhaustive one.

    python benchmarks/bench_reading.py [--inputs 100] [--new 8] [--threads 1]
    python benchmarks/bench_reading.py --tiny --new 220        # random models that answer at length

Passes are counted by wrapping the live models' forward: a pass is the tokens that one model is fed while it
answers all inputs, its prompts and its answers, in batches, padding included.
Beside them CPU seconds (user + system).
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def counted(tokens: Counter[str], seconds: Counter[str]):
    """The tokens fed and the CPU seconds spent, by stage of the search."""
    from adamms.answering import transformers_engine
    from adamms.answering.tasks import Answer, Task
    from adamms.runs.live_models import LiveModels

    stage, reading = ["other"], []
    load = transformers_engine.load_model

    def loaded(*args: Any, **options: Any) -> Any:
        model = load(*args, **options)

        def count(module: Any, given: Any, named: dict[str, Any]) -> None:
            fed = named.get("input_ids")
            fed = named["inputs_embeds"][..., 0] if fed is None else fed
            tokens[stage[-1]] += fed.numel()

        model.register_forward_pre_hook(count, with_kwargs=True)
        return model

    perform = LiveModels.perform

    def staged(self: LiveModels, task: Task) -> Iterator[Answer]:
        # Of the candidates the base is asked everything; only the winner is asked a few.
        kind = "candidates" if task.model.kind == "candidate" else task.model.kind
        stage.append("reading" if task.given is not None or reading else kind)
        if task.given is not None:
            reading.append(True)
        began = time.process_time()
        try:
            yield from list(perform(self, task))
        finally:
            seconds[stage.pop()] += time.process_time() - began

    transformers_engine.load_model = loaded
    LiveModels.perform = staged
    try:
        yield
    finally:
        transformers_engine.load_model, LiveModels.perform = load, perform


def measured(paths: tuple[Path, Path, Path], out: Path, arguments: argparse.Namespace, **options: Any) -> Any:
    import adamms

    tokens: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    base, donor, inputs = paths
    with counted(tokens, seconds):
        result = adamms.search(
            base,
            donor,
            inputs,
            out,
            rule="witnesses",
            samples=arguments.inputs,
            max_new_tokens=arguments.new,
            device="cpu",
            force=True,
            **options,
        )
    return result, tokens, seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=100)
    parser.add_argument("--new", type=int, default=8, help="most new tokens")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="random models instead of the shipped pair")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.tiny:
            from tiny_pair import tiny_pair

            paths = tiny_pair(Path(folder), near=True)
        else:
            from adamms.zoo import shipped_pair

            pair = shipped_pair()
            paths = pair.base, pair.donor, pair.inputs
        read, tokens, seconds = measured(paths, Path(folder) / "read", arguments)
        every, all_tokens, all_seconds = measured(paths, Path(folder) / "all", arguments, exhaustive=True)
        lengths = [answer["tokens"] for answer in lines(read.path / "responses" / "alpha=0.00.jsonl")]
    one, whole = tokens["candidates"], all_tokens["candidates"]
    reading = read.selection.reading
    print(f"answers of the base         {sum(lengths) / len(lengths):.1f} tokens on average")
    print(f"one pass (the base)         {one} tokens, {seconds['candidates']:.2f} CPU s")
    print(f"the donor's own             {tokens['donor']} tokens, {seconds['donor']:.2f} CPU s")
    print(
        f"reading and confirming      {tokens['reading']} tokens, {seconds['reading']:.2f} CPU s: "
        f"{tokens['reading'] / one:.2f} passes, {seconds['reading'] / seconds['candidates']:.2f} of its time "
        f"(goal 1.5); {len(reading.candidates)} candidates on {reading.inputs} inputs"
    )
    ratio = all_seconds["candidates"] / seconds["reading"]
    print(
        f"all {len(every.selection.candidates)} candidates answer    {whole} tokens, "
        f"{all_seconds['candidates']:.2f} CPU s: {ratio:.1f} times the reading"
    )
    print(f"chosen                      {read.selection.selected:g} by reading, {every.selection.selected:g}")


def lines(file: Path) -> list[dict[str, Any]]:
    import json

    return [json.loads(line) for line in file.read_text().splitlines()]


if __name__ == "__main__":
    main()
