"""Kills at random moments: merges, searches and pushes, killed from outside, resumed, compared bit for bit.

    python -m benchmarks.kill_test [--kills 500] [--minutes 30] [--seed 0] [--json FILE]

A run is killed (-9 mostly, else -15 or -2) at a moment drawn over its whole length, its start included, then
gone on with by `--resume`, perhaps to be killed again, and at last left to finish. Then its files must be
those of a run that nobody disturbed: weights, `adamms.json`, answers and `selection.json`, byte for byte.
After every kill nothing may lie under the output's name, no answer may be there twice, and a hub may hold all
of a model or nothing. Exits with 1 where any of this does not hold.
"""

import argparse
import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from adamms.zoo import shipped_pair
from benchmarks.synthetic import qwen2, write_checkpoint

ROOT = Path(__file__).parent.parent
SIGNALS = (*(signal.SIGKILL,) * 7, signal.SIGTERM, signal.SIGTERM, signal.SIGINT)
MOST_KILLS = 4
"""Of one run, before it is left to finish."""
NOT_COMPARED = ("log.jsonl", "report.html")
"""What holds times."""


@dataclass
class Job:
    """Something that is killed and gone on with."""

    name: str
    arguments: list[str]
    out: Path
    check: Callable[["Job"], list[str]]
    """What must hold after every kill, as sentences on what does not."""
    reference: dict[str, bytes] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    environment: dict[str, str] | None = None
    resumes: bool = True

    def start(self, *, resume: bool) -> "subprocess.Popen[str]":
        more = ["--resume"] if resume and self.resumes else []
        return subprocess.Popen(
            [sys.executable, "-m", "adamms", *self.arguments, *more],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, *, resume: bool) -> str:
        """Leave it to finish; what it said if it failed."""
        started = time.monotonic()
        process = self.start(resume=resume)
        _, said = process.communicate(timeout=900)
        self.seconds.append(time.monotonic() - started)
        return (
            "" if process.returncode == 0 else f"{self.name} ended with {process.returncode}: {said[-300:]}"
        )


def main() -> int:
    """Kill and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    drawn, until = random.Random(options.seed), time.monotonic() + options.minutes * 60
    folder = Path(tempfile.mkdtemp(prefix="adamms-kills-"))
    kills: Counter[str] = Counter()
    violations: list[str] = []
    runs = 0
    sys.path.insert(0, str(ROOT / "tests"))
    from hub_server import TOKEN, HubServer

    try:
        with HubServer({}) as hub:
            jobs = [*_merges(folder), _search(folder)]
            for job in jobs:
                if failed := job.finish(resume=False):
                    raise SystemExit(failed)
                job.reference = _files(job.out)
                shutil.rmtree(job.out)
            jobs.append(_push(folder, hub, TOKEN, merged=jobs[0]))
            while sum(kills.values()) < options.kills and time.monotonic() < until:
                # Merges are killed most: they are over soonest.
                job = drawn.choice([*jobs[:-2] * 3, *jobs[-2:]])
                found = _kill(job, drawn, kills)
                runs += 1
                violations += found
                done = f"{sum(kills.values()):4} kills, {runs} runs, {len(violations)} violations"
                print(done, *found, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report = {"kills": dict(kills), "runs": runs, "seed": options.seed, "violations": violations}
    print(json.dumps(report, indent=1))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if violations else 0


def _kill(job: Job, drawn: random.Random, kills: Counter[str]) -> list[str]:
    """One run, killed a few times and left to finish; what did not hold."""
    violations = []
    for attempt in range(drawn.randint(1, MOST_KILLS)):
        length = statistics.median(job.seconds[-5:] or [3.0])
        process, signum = job.start(resume=attempt > 0), drawn.choice(SIGNALS)
        try:
            _, said = process.communicate(timeout=drawn.uniform(0, 1.05 * length))
        except subprocess.TimeoutExpired:
            process.send_signal(signum)
            _, said = process.communicate(timeout=60)
            kills[f"{job.name} {signum.name}"] += 1
            if "Traceback" in said and "adamms" in said:
                violations.append(f"{job.name}, {signum.name}: {said[-300:]}")
        violations += job.check(job)
        if process.returncode == 0:
            break
    else:
        if failed := job.finish(resume=True):
            violations.append(failed)
    if job.out.is_dir():
        violations += _differences(job)
        shutil.rmtree(job.out)
        violations += [f"{job.name} left {path.name}" for path in job.out.parent.glob(f".{job.out.name}.*")]
    return violations


def _differences(job: Job) -> list[str]:
    now = _files(job.out)
    names = [name for name in {**job.reference, **now} if job.reference.get(name) != now.get(name)]
    return [f"{job.name}: {name} is not that of an undisturbed run" for name in names]


def _files(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in NOT_COMPARED)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _merges(folder: Path) -> list[Job]:
    """Two models of 160 MB: by a method of one pass, and by one that measures the whole model before."""
    sizes = {"hidden": 512, "ffn": 2048, "layers": 16, "kv": 128}
    layout = qwen2(**sizes, rows=40_000)
    config = {
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "vocab_size": 40_000,
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_hidden_layers": 16,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    }
    models = [folder / name for name in ("base", "donor", "pretrained")]
    for seed, model in enumerate(models):
        write_checkpoint(model, layout, config, seed=seed, shard_size=60_000_000)
    base, donor, pretrained = map(str, models)
    ties = ["--method", "ties", "--pretrained", pretrained, "--set", "density=0.5"]
    jobs = []
    for name, how in (("linear", ["--alpha", "0.3"]), ("ties", ties)):
        out = folder / f"{name}-place" / "out"
        arguments = ["merge", base, donor, *how, "--force", "--out", str(out)]
        jobs.append(Job(f"merge {name}", arguments, out, _whole_or_nothing))
    return jobs


def _search(folder: Path) -> Job:
    pair, out = shipped_pair(), folder / "search-place" / "out"
    arguments = ["search", str(pair.base), str(pair.donor), "--inputs", str(pair.inputs), "--out", str(out)]
    arguments += ["--samples", "40", "--max-new-tokens", "6", "--alphas", "0:0.6:0.3"]
    return Job("search", arguments, out, _nothing_twice)


def _push(folder: Path, hub: object, token: str, *, merged: Job) -> Job:
    """Of a merge of the shipped pair, to a hub on this machine."""
    pair, model = shipped_pair(), folder / "pushed"
    job = Job(
        "",
        ["merge", str(pair.base), str(pair.donor), "--alpha", "0.3", "--out", str(model)],
        model,
        lambda _: [],
    )
    if failed := job.finish(resume=False):
        raise SystemExit(failed)
    # Not what lies there: cards and records go without this machine's paths.
    expected: dict[str, bytes] = {}

    def check(_: Job) -> list[str]:
        uploaded = hub.uploaded.pop("me/merged", None)  # type: ignore[attr-defined]
        return [] if uploaded in (None, expected) else ["push: a part of a model is on the hub"]

    environment = hub.environment(folder / "home", HF_TOKEN=token)  # type: ignore[attr-defined]
    pushing = Job(
        "push",
        ["push", str(model), "me/merged"],
        folder / "nothing",
        check,
        environment=environment,
        resumes=False,
    )
    if failed := pushing.finish(resume=False):
        raise SystemExit(failed)
    expected |= hub.uploaded.pop("me/merged")  # type: ignore[attr-defined]
    return pushing


def _whole_or_nothing(job: Job) -> list[str]:
    """Whatever has the output's name is all of it."""
    if not job.out.exists():
        return []
    return [f"half of it has the output's name: {entry}" for entry in _differences(job)]


def _nothing_twice(job: Job) -> list[str]:
    answers = job.out.parent / f".{job.out.name}.adamms-partial" / "responses"
    twice = []
    for file in sorted(answers.glob("*.jsonl")):
        ids = []
        for line in file.read_bytes().split(b"\n"):
            try:
                record = json.loads(line)
            except ValueError:
                continue  # torn by the kill
            ids.append((record.get("id"), record.get("alpha")))
        twice += [
            f"search: {id_} is answered {count} times in {file.name}"
            for id_, count in Counter(ids).items()
            if count > 1
        ]
    return [*twice, *_whole_or_nothing(job)]


if __name__ == "__main__":
    sys.exit(main())
