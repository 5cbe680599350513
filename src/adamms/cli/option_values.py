"""What is written behind options that hold more than a word, as recipes have it."""

import re
from pathlib import Path

from adamms.errors import OutputError, RecipeError


def parse_columns(columns: list[str] | None) -> dict[str, tuple[str, ...]]:
    """`ROLE=NAME` pairs by their roles."""
    if not columns:
        return {}
    from adamms.responses.inputs import parse_columns as parsed

    return parsed(columns)


def parse_tasks(tasks: str | None) -> tuple[str, ...]:
    """The names in `NAME[,NAME]`."""
    return tuple(name.strip() for name in (tasks or "").split(",") if name.strip())


def parse_search(text: str | None) -> dict[str, str]:
    """`NAME=RANGE` as the recipe's part of a search: alpha's candidates, or another setting and its own."""
    if text is None:
        return {}
    name, equals, values = text.partition("=")
    if not (equals and name.strip() and values.strip()):
        raise RecipeError(f"--search takes NAME=RANGE, for example density=0.2:0.8:0.2, not {text!r}.")
    if name.strip() == "alpha":
        return {"alphas": values}
    return {"setting": name.strip(), "values": values}


def parse_alpha(text: str | None, option: str = "--alpha") -> object:
    """A coefficient as written on the command line.

    `0.3`; over depth `0,0.5,0.2`; by part or tensor name `attention=0.4;mlp=0.2,0.6;*.o_proj.weight=0`.
    """

    def number(word: str) -> float:
        try:
            return float(word)
        except ValueError:
            raise RecipeError(
                f"{option} {text!r} is not a number (0.3), a list over depth (0,0.5,0.2), or a table by part "
                "(attention=0.4;mlp=0.2)."
            ) from None

    def plain(words: str) -> object:
        numbers = [number(word) for word in words.split(",")]
        return numbers if len(numbers) > 1 else numbers[0]

    if text is None or "=" not in text:
        return None if text is None else plain(text)
    table: dict[str, object] = {}
    for entry in filter(str.strip, text.split(";")):
        name, _, value = entry.rpartition("=")
        if "=" in name:
            # Whatever is meant, `attention=0.4,mlp` is nobody's name.
            meant = re.sub(r",(?=[^,;=]*=)", ";", text)
            raise RecipeError(
                f"{option} {text!r} names two parts in one entry: a semicolon stands between entries, a "
                f'comma between numbers over depth. Did you mean {option} "{meant}"?'
            )
        if name.strip() in table:
            raise RecipeError(f"{option} {text!r} has two entries for {name.strip()}; leave one of them out.")
        table[name.strip()] = plain(value)
    return table


def parse_donors(donors: list[str] | None) -> list[dict[str, object]]:
    """Further donors as `MODEL` or `MODEL=ALPHA`; ALPHA is as `parse_alpha` has it."""
    from adamms.checkpoints.sources import exists

    parsed: list[dict[str, object]] = []
    for donor in donors or []:
        cuts = [at for at, letter in enumerate(donor) if letter == "="]
        if not cuts or exists(donor):
            parsed.append({"model": donor})
            continue
        # A folder's name may hold the sign itself, as our own alpha=0.30 does.
        at = next((at for at in cuts if exists(donor[:at])), cuts[0])
        parsed.append({"model": donor[:at], "alpha": parse_alpha(donor[at + 1 :])})
    return parsed


def parse_settings(pairs: list[str] | None) -> dict[str, object]:
    """`key=value` pairs as a dictionary.

    Values are YAML (0.3, true, text, [0.2, 0.5], {mlp: 0.5}), or written as for --alpha (0.2,0.5 or mlp=0.5).
    """
    import yaml

    from adamms.checkpoints.plain_yaml import read_yaml

    settings: dict[str, object] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise RecipeError(f"--set takes key=value, for example --set alpha=0.3, not {pair!r}.")
        try:
            read = read_yaml(value)
            written = isinstance(read, str) and ("," in read or "=" in read)
            settings[key.strip()] = parse_alpha(read, f"--set {key.strip()}") if written else read
        except yaml.YAMLError:
            raise RecipeError(f"--set {pair!r}: the value is not a number, a word or a list.") from None
    return settings


def required_out(out: Path | None) -> Path:
    """The folder to write, which only a plan does without.

    Raises:
        OutputError: none is named.
    """
    if out is None:
        raise OutputError("No output folder is named: --out DIR, or --plan to see what the run will take.")
    return out
