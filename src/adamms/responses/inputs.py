"""The search's unlabelled inputs: prompts from a JSONL file, with images, sound and videos.

A line is `{"id"?, "image"?, "audio"?, "video"?: path or list of paths, "prompt": text, "answer"?}`; without
any of the three it is a question in words. Relative paths start at the file's folder and stay inside it;
absolute paths are the user's own and are taken as written. Every
problem of the file is found before anything long begins. Knows no models; an answer is carried along and
never looked at.
"""

import json
import os
import random
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import parse_json
from adamms.checkpoints.local_files import NoRegularFileError, read_text, special_kind
from adamms.checkpoints.sources import is_text
from adamms.errors import SearchError
from adamms.responses.picture_files import IN_WORDS, opened_picture

MISSPELT = {"images": "image", "audios": "audio", "sound": "audio", "videos": "video", "picture": "image"}
SHOWN = 8
"""Problems spelled out in one message; the rest are counted."""


@dataclass(frozen=True)
class Example:
    """One question to ask every candidate."""

    id: str
    images: tuple[Path, ...]
    prompt: str
    answer: str | None = None
    """The true answer where the file gives one, for an accuracy beside the choice; the search ignores it."""
    audio: tuple[Path, ...] = ()
    video: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All that it shows and lets hear."""
        return (*self.images, *self.audio, *self.video)


class _ProblemError(Exception):
    """What is wrong with one line, without the line's number."""


def read_inputs(path: str | Path, *, asked: bool = True) -> list[Example]:
    """Read the inputs and look at every image's header.

    Args:
        path: a JSONL file. A line without `id` is called by its line number; other keys are ignored, but for
            those that look like a misspelt one.
        asked: off, where they are only shown: files are not looked at and may be missing, and a prompt may
            hold what no tokenizer takes.

    Raises:
        SearchError: the file is missing or empty, or lines of it are wrong; all problems are counted and the
            first ones are named with their lines.
    """
    path = Path(path)
    examples: list[Example] = []
    problems: list[str] = []
    seen_ids: dict[str, int] = {}
    seen_images: dict[Path, str | None] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            example = _example(line, number, folder=path.parent)
            if example.id in seen_ids:
                raise _ProblemError(f'the id "{example.id}" is already used on line {seen_ids[example.id]}')
            seen_ids[example.id] = number
            if asked and not is_text(example.prompt):
                raise _ProblemError('"prompt" holds half a character (a lone surrogate)')
            for image in example.images if asked else ():
                if image not in seen_images:
                    seen_images[image] = image_problem(image)
                if seen_images[image]:
                    raise _ProblemError(seen_images[image])
            for file in (*example.audio, *example.video) if asked else ():
                if not file.is_file():
                    what = special_kind(file)
                    raise _ProblemError(
                        f"{file} is {what}, not a file" if what else f"there is no file {file}"
                    )
            examples.append(example)
        except _ProblemError as problem:
            problems.append(f"line {number}: {problem}")
    if problems:
        raise SearchError(_message(path, problems))
    if not examples:
        raise SearchError(
            f"The inputs file {path} is empty; it needs one line an input: "
            '{"image": "a.png", "prompt": "..."}.'
        )
    return examples


def sample(examples: list[Example], count: int, *, seed: int) -> list[Example]:
    """Draw `count` inputs without replacement; their order in the file is kept.

    Args:
        examples: what to draw from.
        count: how many; all of them when there are no more.
        seed: the same seed draws the same inputs, on every machine.

    Raises:
        SearchError: `count` is less than one.
    """
    if count < 1:
        raise SearchError(f"The number of inputs to search with must be at least 1, not {count}.")
    if count >= len(examples):
        return list(examples)
    return [examples[index] for index in sorted(random.Random(seed).sample(range(len(examples)), count))]


def image_problem(path: Path) -> str | None:
    """Why a file cannot serve as an image, or None; decodes the header and checks the file's structure."""
    if not path.exists():
        return f"the image {path} does not exist"
    try:
        with warnings.catch_warnings():
            # Its size is judged where it is decoded; here only the header is.
            warnings.simplefilter("ignore")
            with opened_picture(path) as image:
                image.verify()
    except NoRegularFileError as error:
        return f"the image {path} cannot be read: {error.strerror}"
    except IsADirectoryError:
        return f"the image {path} is a folder"
    except PermissionError:
        return f"the image {path} cannot be read: permission denied"
    except Exception:
        # A damaged file makes PIL's plug-ins raise nearly anything (SyntaxError, struct.error, ...).
        return f"{path} is not an image that can be read ({IN_WORDS})"
    return None


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path, encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise SearchError(f"The inputs file {path} does not exist.") from None
    except IsADirectoryError:
        raise SearchError(f"The inputs {path} are a folder; name the JSONL file in it.") from None
    except UnicodeDecodeError:
        raise SearchError(f"The inputs file {path} is not a text file (UTF-8).") from None
    except OSError as error:
        raise SearchError(f"The inputs file {path} cannot be read: {error.strerror}.") from None


def _example(line: str, number: int, *, folder: Path) -> Example:
    try:
        record = parse_json(line.encode())
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise _ProblemError(f"not valid JSON ({reason})") from None
    if not isinstance(record, dict):
        raise _ProblemError('not a JSON object such as {"image": "a.png", "prompt": "..."}')
    for key in record:
        if meant := MISSPELT.get(key):
            raise _ProblemError(f'there is no key "{key}"; write "{meant}"')
    return Example(
        id=_id(record.get("id"), number),
        images=_files(record, "image", folder),
        prompt=_prompt(record),
        answer=_answer(record.get("answer")),
        audio=_files(record, "audio", folder),
        video=_files(record, "video", folder),
    )


def _id(value: Any, number: int) -> str:
    if value is None:
        return str(number)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise _ProblemError(f'"id" must be a text or a whole number, not {json.dumps(value)}')
    return str(value)


def _prompt(record: dict[str, Any]) -> str:
    prompt = record.get("prompt")
    if prompt is None:
        raise _ProblemError('there is no "prompt"')
    if not isinstance(prompt, str) or not prompt.strip():
        raise _ProblemError(f'"prompt" must be a text that is not empty, not {json.dumps(prompt)[:40]}')
    return prompt


def _files(record: dict[str, Any], key: str, folder: Path) -> tuple[Path, ...]:
    names = record.get(key, [])
    if isinstance(names, str):
        names = [names]
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise _ProblemError(f'"{key}" must be a path or a list of paths, not {json.dumps(names)[:40]}')
    return tuple(_file(name, key, folder) for name in names)


def _file(name: str, key: str, folder: Path) -> Path:
    if "://" in name or name.startswith("data:"):
        raise _ProblemError(f"the {key} {name[:60]} is an address; it must be a file on this machine")
    if "\0" in name:
        raise _ProblemError(f"the {key}'s path holds a NUL character")
    if Path(name).is_absolute():
        return Path(name)
    # Judged by its spelling: a symbolic link inside the folder is the user's own doing and may point
    # anywhere.
    if Path(os.path.normpath(name)).parts[:1] == (os.pardir,):
        raise _ProblemError(
            f"the {key} {name} leaves the inputs file's folder; give its absolute path if that is meant"
        )
    return folder / name


def _answer(value: Any) -> str | None:
    """A text or number as the true answer; anything else cannot be scored and counts as not known."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    return None


def _message(path: Path, problems: list[str]) -> str:
    if len(problems) == 1:
        return f"{path}, {problems[0]}."
    more = len(problems) - SHOWN
    shown = [f"  {problem}" for problem in problems[:SHOWN]]
    if more > 0:
        shown.append(f"  ... and {more} more")
    return "\n".join([f"The inputs file {path} has {len(problems)} problems:", *shown])
