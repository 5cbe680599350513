"""From a record, whatever its file was, to a question: which key is the prompt, which the picture.

Files differ in what they call things and agree in what they mean. A record is a dict as its reader found it;
an `Entry` says the same in one way, its pictures not looked at yet.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adamms.responses.inputs.example import Example
from adamms.responses.inputs.media import Media, media_of, shortened
from adamms.responses.inputs.problems import ProblemError, Tally
from adamms.responses.inputs.source import InputSource

NAMES: Mapping[str, tuple[str, ...]] = {
    "prompt": ("prompt", "question", "query", "instruction", "text"),
    "image": ("image", "images", "image_path", "image_file", "file_name", "img", "picture", "pictures"),
    "audio": ("audio", "audios", "sound", "sounds"),
    "video": ("video", "videos"),
    "id": ("id", "question_id", "index", "custom_id"),
    "answer": ("answer", "answers"),
    "choices": ("choices", "options"),
    "task": ("task",),
}
"""Role -> the keys that have it, the first that is there and says something counts."""
CONVERSATIONS = ("messages", "conversations", "conversation")
TAGS = {"image": "<image>", "audio": "<audio>", "video": "<video>"}


@dataclass(frozen=True)
class Record:
    """What a reader found at one place."""

    place: str
    """Where, as a person would look for it: `line 3`, `row 17`."""
    number: int
    """The id of a record that has none."""
    values: Mapping[str, Any]
    shape: str = ""
    """Of what form it is, where its keys tell: conversations, messages; empty for a plain one."""


@dataclass(frozen=True)
class Records:
    """A file's records as they come, a problem in the place of those that are none."""

    format: str
    """What the file is, for a person."""
    records: Iterator[Record | tuple[str, ProblemError]]
    folder: Path
    """Where relative paths start."""
    at_hand: bool = True
    """Whether pictures are files of the user's own, so that nothing needs to be kept to find them again."""


@dataclass(frozen=True)
class Entry:
    """One input as it was understood."""

    place: str
    id: str
    prompt: str
    images: tuple[Media, ...] = ()
    audio: tuple[Media, ...] = ()
    video: tuple[Media, ...] = ()
    answer: Any = None
    """As the record has it; only labels look at it."""
    choices: Any = None
    task: str | None = None

    @property
    def media(self) -> tuple[Media, ...]:
        """All that it shows and lets hear."""
        return (*self.images, *self.audio, *self.video)

    def example(self, file_of: Callable[[Media], Path]) -> Example:
        """The entry as a question; `file_of` says in which file each medium is."""
        return Example(
            self.id,
            tuple(map(file_of, self.images)),
            self.prompt,
            _scalar(self.answer),
            tuple(map(file_of, self.audio)),
            tuple(map(file_of, self.video)),
        )


def entry_of(record: Record, source: InputSource, folder: Path, tally: Tally, *, labels: bool) -> Entry:
    """The question in a record.

    Args:
        record: as its reader found it.
        source: what the user said of names and prompts.
        folder: where relative paths start.
        tally: hears what is worth a word.
        labels: only the true answer is wanted; a prompt need not be there.

    Raises:
        ProblemError: it holds no question.
    """
    values = dict(record.values)
    if isinstance(body := values.get("body"), Mapping):  # a line of OpenAI's batches
        values |= body
    media: dict[str, list[Any]] = {role: [] for role in TAGS}
    prompt, answer, later = None, None, False
    if (key := next((key for key in CONVERSATIONS if isinstance(values.get(key), list)), None)) is not None:
        # Late: most files are plain.
        from adamms.responses.inputs.conversations import first_question

        spoken = first_question(values.pop(key), tally)
        prompt, answer, later = spoken.text, spoken.answer, spoken.goes_on
        media = {role: list(spoken.media.get(role, ())) for role in TAGS}
    named = {role: _named(values, role, source) for role in NAMES}
    if prompt is None:
        prompt = source.prompt if named["prompt"] is None else named["prompt"]
        # What ms-swift calls an answer; elsewhere a response is what some model said.
        answer = values.get("response") if "query" in values else None
    for role in TAGS:
        if source.columns.get(role):
            media[role] += [values.get(name) for name in source.columns[role]]
        elif not media[role] and named[role] is not None:
            media[role] = [named[role]]
    answer = named["answer"] if named["answer"] is not None else answer
    task = None if named["task"] is None else str(named["task"])
    id_ = _id(named["id"], record.number)
    if labels:
        return Entry(record.place, id_, "", answer=answer, choices=named["choices"], task=task)
    text = _prompt(prompt)
    shown = {role: _media(media[role], role, folder) for role in TAGS}
    for role, tag in TAGS.items():
        if not shown[role] and any(values.get(name, 0) in (None, "") for name in NAMES[role]):
            tally.remark(f"{{count}} inputs have an empty {role}; they are asked without.")
        text, shown[role] = _without_tags(text, tag, role, shown[role], tally, later=later)
    return Entry(
        record.place,
        id_,
        text,
        images=shown["image"],
        audio=shown["audio"],
        video=shown["video"],
        answer=answer,
        choices=named["choices"],
        task=task,
    )


def _scalar(answer: Any) -> str | None:
    """A text or number as the true answer; anything else cannot be scored and counts as not known."""
    if isinstance(answer, str | int | float) and not isinstance(answer, bool):
        return str(answer)
    return None


def _named(values: Mapping[str, Any], role: str, source: InputSource) -> Any:
    """The value of the key that has a role: the user's columns, else the first of its names that is there."""
    if names := source.columns.get(role):
        missing = next((name for name in names if name not in values), None)
        if missing is not None:
            raise ProblemError(
                f"there is no column {missing!r}; there are {shortened(', '.join(map(str, values)), 200)}",
                kind=f"no column {missing}",
            )
        return values[names[0]]
    there = [values[name] for name in NAMES[role] if values.get(name) is not None]
    return next((value for value in there if value not in ("", [])), there[0] if there else None)


def _id(value: Any, number: int) -> str:
    if value is None:
        return str(number)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ProblemError(f'"id" must be a text or a whole number, not {_shown(value)}', kind="id")
    return str(value)


def _prompt(prompt: Any) -> str:
    if prompt is None:
        raise ProblemError('there is no "prompt"')
    if not isinstance(prompt, str) or not prompt.strip():
        raise ProblemError(
            f'"prompt" must be a text that is not empty, not {_shown(prompt)}', kind="prompt is no text"
        )
    return prompt


def _media(values: list[Any], role: str, folder: Path) -> tuple[Media, ...]:
    return tuple(medium for value in values for medium in media_of(value, role, folder))


def _without_tags(
    text: str, tag: str, role: str, media: tuple[Media, ...], tally: Tally, *, later: bool
) -> tuple[str, tuple[Media, ...]]:
    """A prompt without the marks that stand for pictures, which go where each model's template has them.

    With `later` turns of a conversation left out, so are the pictures that those turns show.
    """
    count = text.count(tag)
    if not count:
        return text, media
    if not media:
        raise ProblemError(f"the prompt says {tag}, and there is no {role}", kind=f"{tag} without {role}")
    if later and count < len(media):
        media = media[:count]
    if count != len(media):
        raise ProblemError(
            f"the prompt says {tag} {count} times, and there are {len(media)} {role}s",
            kind=f"{tag} and {role}s differ",
        )
    tally.remark(f'"{tag}" was taken out of {{count}} prompts: the model\'s own template says where it goes.')
    for around in (f"{tag}\n", f"\n{tag}", tag):
        text = text.replace(around, "")
    if not text.strip():
        raise ProblemError(f"the prompt says {tag} and nothing else")
    return text.strip(), media


def _shown(value: Any) -> str:
    try:
        return shortened(json.dumps(value), 40)
    except (TypeError, ValueError):
        return shortened(repr(value), 40)
