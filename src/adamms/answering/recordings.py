"""Sound and videos from files, as a model's own processor wants them: one channel, frames in RGB.

What reads them comes with `adamms[audio]` and `adamms[video]` and is imported where a question needs it.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.errors import SearchError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FRAMES = 32
"""Frames of a video, at most, evenly over its length, before the model's processor chooses among them."""


def read_sound(path: Path, *, rate: int) -> "npt.NDArray[np.float32]":
    """A recording as float32 samples of one channel, `rate` a second.

    Raises:
        SearchError: it does not open, it is silent of any sample, or what reads it is not installed.
    """
    soundfile, soxr = (
        _library(name, extra="audio", what=f"The sound {path}") for name in ("soundfile", "soxr")
    )
    try:
        samples, stored = soundfile.read(path, dtype="float32", always_2d=True)
    except Exception as error:  # libsndfile's own kinds, and those of the file system
        raise SearchError(f"The sound {path} cannot be read: {str(error).rstrip('.')}.") from error
    if not len(samples):
        raise SearchError(f"The sound {path} holds no sample.")
    mono = samples.mean(axis=1)
    return mono if stored == rate else soxr.resample(mono, stored, rate)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Video:
    """Frames of a video.

    Attributes:
        frames: (frames, height, width, 3), uint8.
        rate: how many of them a second has; None where the file does not say how long it lasts.
    """

    frames: "npt.NDArray[np.uint8]"
    rate: float | None


def read_video(path: Path) -> Video:
    """A video's frames, `FRAMES` of them at most.

    Raises:
        SearchError: it does not open, it shows nothing, or what reads it is not installed.
    """
    av = _library("av", extra="video", what=f"The video {path}")
    import numpy as np

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise SearchError(f"{path} holds no video.")
            stored = container.streams.video[0].average_rate
            count = sum(1 for _ in container.decode(video=0))
            container.seek(0)
            wanted = dict.fromkeys(at * count // FRAMES for at in range(FRAMES)) if count > FRAMES else None
            frames = [
                frame.to_ndarray(format="rgb24")
                for number, frame in enumerate(container.decode(video=0))
                if wanted is None or number in wanted
            ]
    except (av.error.FFmpegError, OSError) as error:
        raise SearchError(f"The video {path} cannot be read: {str(error).rstrip('.')}.") from error
    if not frames:
        raise SearchError(f"The video {path} holds no frame.")
    return Video(np.stack(frames), float(stored) * len(frames) / count if stored else None)


def _library(name: str, *, extra: str, what: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise SearchError(f"{what} needs {name} to be read: pip install 'adamms[{extra}]'.") from error
