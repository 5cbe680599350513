"""The first question of a conversation: LLaVA's `conversations`, OpenAI's and ms-swift's `messages`.

A search asks one question and compares answers, so of a conversation the first question is asked; what is
left out is counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adamms.responses.inputs.problems import ProblemError, Tally

USERS = ("human", "user")
ASSISTANTS = ("gpt", "assistant", "model", "bot", "chatgpt")
SYSTEMS = ("system", "developer")
KINDS = {"image": "image", "image_url": "image", "input_image": "image"}
KINDS |= {"audio": "audio", "input_audio": "audio", "audio_url": "audio"}
KINDS |= {"video": "video", "video_url": "video"}


@dataclass(frozen=True)
class Spoken:
    """What the user says until the first reply, and that reply."""

    text: str
    media: Mapping[str, list[Any]]
    """Role -> what the content's own parts show."""
    answer: str | None
    goes_on: bool
    """Whether the user speaks again after the reply."""


def first_question(turns: list[Any], tally: Tally) -> Spoken:
    """The first question of a conversation.

    Raises:
        ProblemError: it has no turn of a user, or a turn is none.
    """
    texts: list[str] = []
    media: dict[str, list[Any]] = {}
    answer, goes_on = None, False
    for turn in turns:
        who, content = _turn(turn)
        if who in SYSTEMS:
            tally.remark("{count} system messages are left out.")
        elif who in USERS and answer is None:
            texts.append(_text(content, media))
        elif who in USERS:
            goes_on = True
        elif who in ASSISTANTS and texts and answer is None:
            answer = _text(content, {})
    if not texts:
        raise ProblemError("the conversation has no turn of a user")
    if goes_on:
        tally.remark("{count} conversations go on; their first question is asked.")
    return Spoken("\n".join(text for text in texts if text), media, answer, goes_on)


def _turn(turn: Any) -> tuple[str, Any]:
    if isinstance(turn, Mapping):
        for speaker, words in (("role", "content"), ("from", "value")):
            if isinstance(turn.get(speaker), str) and turn.get(words) is not None:
                return turn[speaker].lower(), turn[words]
    raise ProblemError('a turn of the conversation is not {"role", "content"} or {"from", "value"}')


def _text(content: Any, media: dict[str, list[Any]]) -> str:
    """The words of a turn; its other parts go to `media`."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise ProblemError("the content of a message is neither a text nor a list of parts")
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind in ("text", "input_text", "output_text") and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind in KINDS:
            # A bare {"type": "image"} stands for the record's own image.
            inner = {key: value for key, value in part.items() if key not in ("type", "detail", "text")}
            if isinstance(about := inner.get(kind), Mapping) and isinstance(about.get("data"), str):
                inner = {"url": f"data:{KINDS[kind]}/{about.get('format', '')};base64,{about['data']}"}
            if any(inner.values()):
                media.setdefault(KINDS[kind], []).append(inner.get(kind, inner))
        else:
            raise ProblemError(
                f"a part of a message is neither text, image, audio nor video: type {str(kind)[:40]}",
                kind="part of no kind",
            )
    return "\n".join(texts)
