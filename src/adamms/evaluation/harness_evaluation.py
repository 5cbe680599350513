"""`adamms eval --harness` and `--suite`: a model's scores by a harness, in a folder that is whole or absent.

The folder holds `scores.json`, which `adamms table` reads, `eval.json`, the settings, and the harness's own
results and logs. A suite runs what can be had and says of the rest why not (section 4.3 and Appendix C of
the paper say which benchmark was measured with what).
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions
from adamms.checkpoints import OutputFolder
from adamms.checkpoints.sources import expanded
from adamms.errors import EvaluationError
from adamms.evaluation.answering import SCORES, SETTINGS, merged_alpha
from adamms.evaluation.harness_process import (
    PROGRAMS,
    lmms_eval_environment,
    vlmevalkit_environment,
)
from adamms.evaluation.harness_runs import HarnessOptions, run_lmms_eval, run_vlmevalkit, settings
from adamms.evaluation.harness_scores import HarnessScore, document
from adamms.evaluation.suite import HARNESSES, Benchmark, Harness, suite
from adamms.progress import Progress, Silent


@dataclass(frozen=True)
class HarnessTask:
    """What is to be measured: tasks of one harness, or a suite over both."""

    tasks: tuple[str, ...] = ()
    harness: Harness | None = None
    """Of the tasks: lmms-eval when left out. Of a suite: all with it; when left out, as the paper did."""
    suite: str | None = None
    pythons: Mapping[str, str] | None = None
    """Harness -> the python of its environment; under "" one for whichever is asked."""

    def python(self, harness: Harness) -> str | None:
        """The python of a harness's environment, None where none was named."""
        given = self.pythons or {}
        only = self.harness or ("lmms-eval" if self.suite is None else None)
        return given.get(harness) or (given.get("") if only in (harness, None) else None)


def parse_pythons(values: Sequence[str]) -> dict[str, str]:
    """`PATH`, or `HARNESS=PATH` where two harnesses need one each."""
    parsed = {}
    for value in values:
        name, equals, path = value.partition("=")
        named = bool(equals) and name in HARNESSES
        parsed[name if named else ""] = path if named else value
    return parsed


def evaluate_with_harness(
    model: str,
    task: HarnessTask,
    *,
    engine: EngineOptions | None = None,
    options: HarnessOptions | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Evaluate a model and keep what came of it.

    Args:
        model: a folder or a hub id.
        task: what to measure, and with what.
        engine: how the model answers.
        options: further tasks, and how many questions.
        out: the folder to write; nothing is kept when left out.
        overwrite: replace an earlier evaluation there.
        progress: told what runs, and what cannot.

    Returns:
        What `scores.json` holds.

    Raises:
        EvaluationError: a harness is not there, does not have a task, or failed.
        OutputError: the place is taken.
    """
    engine, options, progress = engine or EngineOptions(), options or HarnessOptions(), progress or Silent()
    if bool(task.tasks) == (task.suite is not None):
        raise EvaluationError("Name either tasks (--task NAME[,NAME]) or a suite (--suite paper).")

    def run(folder: Path) -> dict[str, Any]:
        if task.suite is not None:
            scores, missing = _suite(model, task, folder, engine=engine, options=options, progress=progress)
        else:
            scores = _tasks(model, task, folder, engine=engine, options=options, progress=progress)
            missing = None
        alpha = merged_alpha(expanded(model))
        return document(scores, model=model, alpha=alpha, missing=missing)

    if out is None:
        with tempfile.TemporaryDirectory(prefix="adamms-") as folder:
            return run(Path(folder))
    with OutputFolder.open(out, overwrite=overwrite, marker=SCORES) as output:
        result = run(output.path)
        kept = {"model": model, **settings(engine, options)}
        (output.path / SETTINGS).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        (output.path / SCORES).write_text(
            json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        output.commit()
    return result


def _tasks(
    model: str,
    task: HarnessTask,
    folder: Path,
    *,
    engine: EngineOptions,
    options: HarnessOptions,
    progress: Progress,
) -> list[HarnessScore]:
    harness = task.harness or "lmms-eval"
    options = replace(options, python=task.python(harness))
    progress.say(f"{harness} is evaluating {', '.join(task.tasks)}.")
    if harness == "lmms-eval":
        return run_lmms_eval(model, task.tasks, folder / harness, engine=engine, options=options)
    scores, missing = run_vlmevalkit(
        model,
        task.tasks,
        folder / harness,
        environment=vlmevalkit_environment(options.python),
        engine=engine,
        options=options,
    )
    for name, why in missing.items():
        raise EvaluationError(f"VLMEvalKit cannot evaluate {name}: {why}")
    return scores


def _suite(
    model: str,
    task: HarnessTask,
    folder: Path,
    *,
    engine: EngineOptions,
    options: HarnessOptions,
    progress: Progress,
) -> tuple[list[HarnessScore], dict[str, str]]:
    """What could be measured, in the suite's order, and why the rest could not."""
    benchmarks = suite(task.suite or "paper")
    architecture = _architecture(model)
    chosen = {benchmark.name: task.harness or benchmark.harness_for(architecture) for benchmark in benchmarks}
    runners: dict[Harness, Callable[..., tuple[list[HarnessScore], dict[str, str]]]] = {
        "lmms-eval": _suite_by_lmms_eval,
        "vlmevalkit": _suite_by_vlmevalkit,
    }
    by_benchmark: dict[str, HarnessScore] = {}
    missing: dict[str, str] = {}
    for harness, runner in runners.items():
        mine = [benchmark for benchmark in benchmarks if chosen[benchmark.name] == harness]
        if not mine:
            continue
        progress.say(f"{harness}: {', '.join(benchmark.name for benchmark in mine)}.")
        try:
            scores, why_not = runner(
                model,
                mine,
                folder / harness,
                architecture=architecture,
                engine=engine,
                options=replace(options, python=task.python(harness)),
            )
        except EvaluationError as error:
            scores, why_not = [], {benchmark.name: str(error) for benchmark in mine}
        by_benchmark |= {score.name: score for score in scores}
        missing |= why_not
    for benchmark in benchmarks:
        if benchmark.name in missing:
            progress.say(f"{benchmark.name} ({chosen[benchmark.name]}): {missing[benchmark.name]}")
    if not by_benchmark:
        raise EvaluationError("None of the suite's benchmarks could be measured; each says above why.")
    order = [benchmark.name for benchmark in benchmarks]
    return sorted(by_benchmark.values(), key=lambda score: order.index(score.name)), missing


def _suite_by_lmms_eval(
    model: str,
    benchmarks: Sequence[Benchmark],
    folder: Path,
    *,
    architecture: str,
    engine: EngineOptions,
    options: HarnessOptions,
) -> tuple[list[HarnessScore], dict[str, str]]:
    environment = lmms_eval_environment(options.python)
    folder.mkdir(parents=True, exist_ok=True)
    names = ",".join(benchmark.lmms_eval.task for benchmark in benchmarks)
    included: list[str | Path] = (
        [] if options.include_path is None else ["--include-path", options.include_path]
    )
    printed = environment.run(
        [PROGRAMS / "lmms_eval_tasks.py", "probe", "--tasks", names, *included],
        log=folder / "probe.log",
    )
    problems: dict[str, str | None] = json.loads(printed.strip().splitlines()[-1])
    missing = {benchmark.name: why for benchmark in benchmarks if (why := problems[benchmark.lmms_eval.task])}
    there = [benchmark for benchmark in benchmarks if benchmark.name not in missing]
    if not there:
        return [], missing
    tasks = [benchmark.lmms_eval.task for benchmark in there]
    prompts = {
        benchmark.lmms_eval.task: text for benchmark in there if (text := benchmark.prompt_for(architecture))
    }
    scores = run_lmms_eval(model, tasks, folder, engine=engine, options=options, prompts=prompts)
    return scores, missing


def _suite_by_vlmevalkit(
    model: str,
    benchmarks: Sequence[Benchmark],
    folder: Path,
    *,
    architecture: str,
    engine: EngineOptions,
    options: HarnessOptions,
) -> tuple[list[HarnessScore], dict[str, str]]:
    there = {
        benchmark.vlmevalkit.task: benchmark.name
        for benchmark in benchmarks
        if benchmark.vlmevalkit is not None
    }
    missing = {
        benchmark.name: "VLMEvalKit does not have it."
        for benchmark in benchmarks
        if benchmark.vlmevalkit is None
    }
    if there:
        environment = vlmevalkit_environment(options.python)
        scores, why_not = run_vlmevalkit(
            model, tuple(there), folder, environment=environment, engine=engine, options=options
        )
        return scores, missing | {there[name]: why for name, why in why_not.items()}
    return [], missing


def _architecture(model: str) -> str:
    """The model's `model_type`, by which the paper chose the harness."""
    with open_model(model) as checkpoint:
        return str(checkpoint.config.get("model_type", ""))
