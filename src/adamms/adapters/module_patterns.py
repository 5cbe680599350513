"""Regular expressions of an adapter's author, matched with the names of its modules within bounds of time.

An expression of thirty letters can take longer than the universe has. Those that cannot (names, as PEFT
writes them nearly always) are matched here; the others in a process of their own, all at once, which is ended
when its time is over.
"""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from adamms.checkpoints.limits import MB, PATTERN_SECONDS
from adamms.errors import CheckpointError

# What can be matched in many ways, or unfolds: repetition, alternatives, and sets of characters.
COSTLY = re.compile(r"[*+?{|(\[]")
FEW = 1_000_000
"""Matches of plain names: a second."""
ENOUGH_MEMORY = 512 * MB
PROGRAM = """
import json, re, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
patterns, names = json.load(sys.stdin)
compiled = []
for key in patterns:
    try:
        compiled.append(re.compile(rf"(.*\\.)?({key})$"))
    except Exception as error:
        print(json.dumps([key, str(error)]))
        sys.exit()
print(json.dumps([next((at for at, it in enumerate(compiled) if it.match(name)), None) for name in names]))
"""


def first_matches(patterns: Sequence[str], names: Sequence[str], *, where: str) -> list[int | None]:
    """Which pattern fits each name first, as PEFT matches: to the name's end, from a dot on.

    Args:
        patterns: the expressions.
        names: the modules.
        where: the settings they stand in, for messages.

    Returns:
        For every name a pattern's place, None where none fits.

    Raises:
        CheckpointError: one is no regular expression, or together they take too long.
    """
    if not patterns:
        return [None] * len(names)
    if len(patterns) * len(names) <= FEW and not any(COSTLY.search(pattern) for pattern in patterns):
        return _matched(patterns, names, where=where)
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(ENOUGH_MEMORY)]
    try:
        done = subprocess.run(
            command,
            input=json.dumps([patterns, names]),
            capture_output=True,
            text=True,
            timeout=PATTERN_SECONDS,
            check=True,
        )
        places = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise CheckpointError(
            f"{where} has regular expressions that take more than {PATTERN_SECONDS:g} seconds to match; "
            "write the modules' names out, or export the adapter again."
        ) from None
    except (subprocess.CalledProcessError, ValueError):
        raise CheckpointError(
            f"{where} has regular expressions that cannot be matched within {ENOUGH_MEMORY // MB} MB; "
            "write the modules' names out, or export the adapter again."
        ) from None
    if len(places) == 2 and isinstance(places[0], str):
        raise _no_expression(*places, where=where)
    return list(places)


def _matched(patterns: Sequence[str], names: Sequence[str], *, where: str) -> list[int | None]:
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(rf"(.*\.)?({pattern})$"))
        except (re.error, OverflowError, RecursionError) as error:
            raise _no_expression(pattern, str(error), where=where) from None
    return [next((at for at, it in enumerate(compiled) if it.match(name)), None) for name in names]


def _no_expression(pattern: str, reason: str, *, where: str) -> CheckpointError:
    return CheckpointError(
        f"{where} has the pattern {pattern[:80]!r}, which is not a regular expression ({reason[:200]}); "
        "export it again."
    )
