"""Sound and videos travel inside the page as far as they fit and browsers play them."""

import base64
import math
import struct
import sys
import wave
from pathlib import Path

import pytest

from adamms.reports.clips import clips


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        tone = (int(9000 * math.sin(0.2 * at)) for at in range(int(16_000 * seconds)))
        file.writeframes(b"".join(struct.pack("<h", value) for value in tone))
    return path


def content(uri: str | None) -> bytes:
    assert uri is not None
    return base64.b64decode(uri.partition("base64,")[2])


def test_sound_is_packed_where_something_can(tmp_path: Path) -> None:
    pytest.importorskip("soundfile", reason="adamms[audio] is not installed")
    sound = write_sound(tmp_path / "a.wav")

    clip = clips([("audio", sound)])[sound]

    assert (clip.uri or "").startswith("data:audio/mpeg;base64,")
    assert len(content(clip.uri)) < sound.stat().st_size / 2
    assert clip.about == "32.0 kB"


def test_sound_goes_as_it_is_where_nothing_can_pack_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    sound = write_sound(tmp_path / "a.wav")

    clip = clips([("audio", sound)])[sound]

    assert (clip.uri or "").startswith("data:audio/wav;base64,")
    assert content(clip.uri) == sound.read_bytes()


def test_the_budget_goes_to_those_shown_first_and_the_others_say_why(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.mp4", "b.mp4", "c.mp4", "gone.mp4", "text.mp4")]
    for file in files[:3]:
        file.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(600))
    files[4].write_text("no video")

    made = clips([("video", file) for file in files], budget=1800)

    assert [clip.uri is not None for clip in made.values()] == [True, True, False, False, False]
    assert (made[files[0]].uri or "").startswith("data:video/mp4;base64,")
    assert made[files[2]].about == "612 B, no format that browsers play, or too large"
    assert made[files[3]].about == "the file is not there any more"
    assert "no format that browsers play" in made[files[4]].about
    assert made[files[0]].name == "a.mp4"
