"""Names of strangers on a terminal: their control characters are shown, nowhere obeyed."""

import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from rich.table import Table
from safetensors.torch import load_file, save_file

from adamms.cli.plain_console import PlainConsole
from adamms.cli.streams import LONGEST, PlainStream, brief, plain
from small_pairs import write_llava_onevision, write_qwen2_vl

ESCAPE = "a\x1b]0;owned\x07\x1b[2J\x9b31m\u202eb\rc"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def adamms(*arguments: object) -> tuple[int, str]:
    command = [sys.executable, "-m", "adamms", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_controls_are_spelled_out_and_text_is_not() -> None:
    assert plain("ü\ta\n漢") == "ü\ta\n漢"
    assert plain(ESCAPE) == r"a\x1b]0;owned\x07\x1b[2J\x9b31m\u202eb\rc"


def test_a_stream_shows_them_and_lets_progress_bars_step() -> None:
    stream = PlainStream(io.StringIO())
    print(ESCAPE, file=stream)
    stream.write("\r 10% \x1b[31m")
    stream.write("\n\n\x1b[A")
    written = stream.trusted.getvalue()
    assert written == plain(ESCAPE) + "\n" + "\r 10% " + r"\x1b[31m" + "\n\n\x1b[A"


def test_tables_are_plain_and_keep_their_own_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    behind = io.StringIO()
    monkeypatch.setattr(sys, "stdout", PlainStream(behind))
    table = Table()
    table.add_column("name", style="red")
    table.add_row(ESCAPE)
    PlainConsole(force_terminal=True, width=200, color_system="standard").print(table)
    assert plain(ESCAPE) in behind.getvalue()
    assert "\x1b[31m" in behind.getvalue()


def test_a_long_message_loses_its_middle() -> None:
    assert brief("x" * LONGEST) == "x" * LONGEST
    assert len(brief("a" + "x" * 10**6 + "z")) < LONGEST
    assert brief("a" + "x" * 10**6 + "z").endswith("xz")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair in folders, with tensors, of names that hold controls; and what was merged of it."""
    top = tmp_path_factory.mktemp("pair")
    base, donor = write_qwen2_vl(top / "base", shards=1), write_llava_onevision(top / "donor")
    for folder in (base, donor):
        weights = folder / "model.safetensors"
        save_file({**load_file(weights), f"visual.{ESCAPE}.weight": torch.ones(2, 2)}, weights)
        shutil.move(folder, top / f"{folder.name}{ESCAPE}")
    return top


def test_no_verb_prints_a_raw_control(hostile: Path) -> None:
    base, donor = (hostile / f"{name}{ESCAPE}" for name in ("base", "donor"))
    out = hostile / f"out{ESCAPE}"
    inputs, recipe = hostile / f"i{ESCAPE}.jsonl", hostile / f"r{ESCAPE}.yaml"
    inputs.write_text(json.dumps({"id": ESCAPE, "image": ESCAPE, "prompt": "?"}) + "\n")
    recipe.write_text(f"base: {json.dumps(str(base))}\n{json.dumps(ESCAPE)}: 1\n")
    for arguments, code in (
        (("inspect", base), 0),
        (("inspect", base, "--json"), 0),
        (("map", base, donor), 0),
        (("map", base, donor, "--json"), 0),
        (("map", base, donor, "--exclude", ESCAPE), 2),
        (("merge", base, donor, "--alpha", 0.5, "--out", out), 0),
        (("merge", base, donor, "--alpha", ESCAPE, "--out", out), 2),
        (("merge", base, donor, "--method", ESCAPE, "--out", out), 2),
        (("merge", base, hostile / ESCAPE, "--out", hostile / "x"), 2),
        (("search", base, donor, "--inputs", inputs, "--out", hostile / "y"), 2),
        (("run", recipe, "--out", hostile / "z"), 2),
        (("select", hostile / ESCAPE), 2),
        (("report", hostile / ESCAPE), 2),
        (("table", hostile / ESCAPE), 2),
        (("compare", hostile / ESCAPE, hostile / ESCAPE), 2),
        (("push", hostile / ESCAPE, "me/x"), 2),
        ((f"merge{ESCAPE}",), 2),
        (("merge", f"--{ESCAPE}"), 2),
    ):
        returned, printed = adamms(*arguments)
        assert returned == code, printed
        assert not RAW.search(printed), (arguments, printed)
    card = (out / "README.md").read_text()
    assert not RAW.search(card)


def test_a_message_of_endless_names_is_short(tmp_path: Path) -> None:
    returned, printed = adamms("map", tmp_path / ("x" * 200), "y" * 100_000)
    assert returned == 2
    assert len(printed) < LONGEST + 100


def on_a_terminal(*arguments: object) -> str:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "adamms", *map(str, arguments)]
    with subprocess.Popen(command, stdout=follower, stderr=follower, stdin=subprocess.DEVNULL) as process:
        os.close(follower)
        printed = b""
        with suppress(OSError):  # how a terminal ends
            while chunk := os.read(leader, 65536):
                printed += chunk
    os.close(leader)
    assert process.returncode == 0
    return printed.decode()


def test_on_a_terminal_a_table_is_drawn_and_no_name_moves_it(hostile: Path) -> None:
    shown = on_a_terminal("inspect", hostile / f"base{ESCAPE}")
    assert not any(raw in shown for raw in ("\x1b]0;", "\x1b[2J", "\x9b", "\u202e"))


def test_on_a_terminal_help_has_its_colours() -> None:
    assert "\x1b[1mUsage: " in on_a_terminal("merge", "--help")
    assert "\x1b[1mUsage: " in on_a_terminal("--help")
