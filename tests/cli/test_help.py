"""Help, completion and what the parser refuses, as a terminal of 80 columns shows them."""

import os
import subprocess
import sys

import pytest

from adamms.cli import GROUPS, VERBS


def adamms(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adamms", *arguments]
    variables = {**os.environ, "COLUMNS": "80", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=variables)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_help_fits_eighty_columns_and_cuts_nothing_off(verb: str) -> None:
    result = adamms(verb, "--help")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    shown = [line for line in lines if not line.startswith("  adamms ")]
    assert max(map(len, shown)) <= 80
    assert "…" not in result.stdout
    # Examples come first, then the panels.
    example = next(number for number, line in enumerate(lines) if line.startswith("  adamms "))
    assert example < next(number for number, line in enumerate(lines) if line.startswith("╭"))


def test_the_programs_help_shows_every_verb_in_its_group() -> None:
    for arguments in ((), ("-h",)):
        result = adamms(*arguments)
        assert result.returncode == 0
        for group, verbs in GROUPS.items():
            panel = result.stdout.partition(f"─ {group} ─")[2].partition("╰")[0]
            assert [line.split()[1] for line in panel.splitlines()[1:] if line[2:3] != " "] == list(verbs)


def test_a_searchs_options_stand_in_panels_by_purpose() -> None:
    shown = adamms("search", "-h").stdout
    panel = shown.partition("─ How the choice is made ─")[2].partition("╰")[0]
    assert "--rule NAME" in panel
    assert "--harness" not in panel
    assert "auto|mapped|resident" in shown
    assert "[default: 0:0.6:0.1]" in shown
    assert shown.index("What is asked") < shown.index("How it is merged") < shown.index("Output and messages")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serch",), "No such command 'serch'. Did you mean 'search'? See adamms --help."),
        (("merge", "a", "b", "--alhpa", "1"), "There is no option --alhpa. Did you mean --alpha"),
        (("map", "a"), "Missing argument 'DONOR'. See adamms map --help."),
        (("merge", "a", "b"), "No output folder is named: --out DIR, or --plan"),
        (
            ("map", "a", "b", "--duplicates", "pared"),
            "'pared' is not one of 'paired', 'original', 'matching'. Did you mean paired?",
        ),
        (("merge", "a", "b", "--out"), "Option '--out' requires an argument. See adamms --help."),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_the_parsers_refusals_are_a_sentence_that_helps(arguments: tuple[str, ...], message: str) -> None:
    result = adamms(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_version_and_completion() -> None:
    assert adamms("-V").stdout == adamms("--version").stdout
    words = {"COMP_WORDS": "adamms search --alp", "COMP_CWORD": "2", "_ADAMMS_COMPLETE": "complete_bash"}
    assert adamms("", **words).stdout.split() == ["--alphas", "--alpha"]
    assert "--show-completion" in adamms("-h").stdout
