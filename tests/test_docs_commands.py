"""Every `adamms` command of the documents: its verb and options exist, and what can run here runs as written.

It runs in a folder where the names that the documents use stand for the small models: `BASE`,
`Qwen/Qwen2-VL-7B-Instruct` and their like are folders there, so nothing of a command is altered.
"""

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from adamms.cli import VERBS, app
from adamms.zoo import shipped_pair

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if "data" not in path.relative_to(ROOT).parts),
]
COMMAND = re.compile(r"(?:\$ )?(adamms\s.*)")
# What a command needs that is not here; the page has to say that it is not run.
ELSEWHERE = re.compile(
    r"--task|--suite|--harness|--engine|--gpus-per-model|--device auto|--executor|--workers|--command"
    r"|--vision-tower|--method halfway|--rule shortest|--split|small_vqa|\+somebody|-FP8|cogvlm-chat-hf"
    r"|path/to/my-vlm|select logs|adamms push"
)
SAYS_SO = "Not run by the tests"
OF_THEIR_OWN = ("adamms demo", "adamms ui")
"""Verbs that stay running or take long: tests/cli and tests/ui run them."""
MODELS = {
    "base": ("BASE", "MODEL", "qwen2-vl", "Qwen/Qwen2-VL-7B-Instruct"),
    "donor": ("DONOR", "OTHER", "THIRD", "llava-onevision", "llava-hf/llava-onevision-qwen2-7b-ov-hf"),
    "pretrained": (
        *("LLM", "ANCESTOR", "pretrained", "Qwen/Qwen2-7B", "Qwen/Qwen2-Math-7B"),
        *("Qwen/Qwen2.5-Math-1.5B-Instruct", "Qwen/Qwen2.5-Coder-1.5B-Instruct"),
    ),
}


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it; `fragment` where `...` stands for a part of it."""

    page: Path
    line: int
    text: str

    @property
    def fragment(self) -> bool:
        return "..." in self.text

    @property
    def words(self) -> list[str]:
        return shlex.split(re.sub(r"\[[^\]]*\]", "", self.text), comments=True)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def commands(page: Path) -> list[Shown]:
    """Those in blocks of code, indented or fenced; lines that end in a backslash are joined."""
    shown, fenced = [], False
    lines = page.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        match = COMMAND.fullmatch(line.strip())
        if match is None or not (fenced or line.startswith("    ")):
            continue
        text, following = match[1], number
        while text.endswith("\\"):
            following += 1
            text = f"{text[:-1]} {lines[following].strip()}"
        shown.append(Shown(page, number + 1, text))
    return shown


EVERY = [command for page in PAGES for command in commands(page)]


def parameters(verb: str) -> set[str]:
    program: Any = typer.main.get_command(app)
    command = program.get_command(None, verb)
    names = [name for item in command.params for name in (*item.opts, *item.secondary_opts)]
    return {name for name in names if name.startswith("-")} | {"--help"}


@pytest.mark.parametrize("command", EVERY, ids=str)
def test_its_verb_and_its_options_exist(command: Shown) -> None:
    text = command.text.partition(" #")[0].replace("[", " ").replace("]", " ")
    verb, *rest = shlex.split(text)[1:]

    assert verb in VERBS
    options = [word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
    assert set(options) <= parameters(verb)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_says_which_commands_are_not_run(page: Path) -> None:
    shown = [command for command in commands(page) if not command.fragment]
    elsewhere = [command.text for command in shown if ELSEWHERE.search(command.text)]

    assert (SAYS_SO in page.read_text(encoding="utf-8")) or elsewhere == []


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the documents' commands name."""
    folder = tmp_path_factory.mktemp("documents")
    pair = shipped_pair()
    for role, names in MODELS.items():
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(getattr(pair, role))
    answers = {
        answer["id"]: answer["answer"] for answer in map(json.loads, pair.answers.read_text().splitlines())
    }
    inputs = [json.loads(line) for line in pair.inputs.read_text().splitlines()][::31]
    lines = []
    for entry in inputs:
        image = str(pair.inputs.parent / entry["image"])
        lines.append(json.dumps({**entry, "image": image, "answer": answers[entry["id"]]}))
    (folder / "questions.jsonl").write_text("\n".join(lines))
    words = [{"prompt": entry["prompt"]} for entry in inputs]
    (folder / "prompts.jsonl").write_text("\n".join(map(json.dumps, words)))
    rows = [
        f"{entry['prompt']},{pair.inputs.parent / entry['image']},{answers[entry['id']]}" for entry in inputs
    ]
    (folder / "table.csv").write_text("\n".join(["caption,photo,label", *rows]))
    said = [{"id": entry["id"], "response": answers[entry["id"]]} for entry in inputs]
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, said)))
    weights = {"BASE": 0.7, "DONOR": 0.3}
    models = [{"model": name, "parameters": {"weight": weight}} for name, weight in weights.items()]
    mergekit = {"merge_method": "linear", "models": models, "dtype": "bfloat16"}
    (folder / "mergekit.yaml").write_text(json.dumps(mergekit))
    recipe = {"base": "BASE", "donor": "DONOR", "search": {"inputs": "questions.jsonl", "samples": 4}}
    (folder / "qwen2vl-onevision.yaml").write_text(json.dumps(recipe))
    return folder


def prepare(workshop: Path, words: list[str]) -> None:
    """Clear the way of what is written, and have what earlier commands of a page would have left."""
    if "--out" in words:
        out = workshop / words[words.index("--out") + 1]
        shutil.rmtree(out) if out.is_dir() else out.unlink(missing_ok=True)
    search = [
        "search",
        "BASE",
        "DONOR",
        "--inputs",
        "questions.jsonl",
        "--exhaustive",
        "--max-new-tokens",
        "4",
    ]
    written = words[words.index("--out") + 1] if "--out" in words else ""
    needed = {word.rpartition("=")[2].split("/")[0] for word in words[1:]} - {written}
    for name in sorted(needed):
        if name in ("run", "run-a", "run-b", "all") and not (workshop / name).exists():
            run([*search, "--out", name])
        if name == "base" and not (workshop / name).exists():
            run(["merge", "BASE", "BASE", "--alpha", "0", "--out", name])
        if name in ("linear", "ties") and not (workshop / name).exists():
            run(["merge", "BASE", "DONOR", "--alpha", "0.3", "--out", name])
        if name.startswith("scores-") and not (workshop / name).exists():
            run(["eval", "MODEL", "--inputs", "questions.jsonl", "--out", name])
        if name == "mapping.json" and "--save" not in words and not (workshop / name).exists():
            run(["map", "BASE", "DONOR", "--save", name])


def run(words: list[str]) -> str:
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, f"adamms {shlex.join(words)}\n{result.output}\n{result.exception}"
    return result.output


RUNNABLE = [
    command
    for command in EVERY
    if not (command.fragment or ELSEWHERE.search(command.text) or command.text.startswith(OF_THEIR_OWN))
]


def test_what_can_run_here_is_most_of_it() -> None:
    assert len(RUNNABLE) > 45


DIFFERENT = {shlex.join(command.words): command for command in reversed(RUNNABLE)}


@pytest.mark.parametrize("command", list(DIFFERENT.values())[::-1], ids=str)
def test_it_runs_as_it_is_written(command: Shown, workshop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workshop)
    prepare(workshop, command.words[1:])

    run(command.words[1:])
