"""From pictures and a question to the tensors a model reads, without torchvision.

Section 3.3 of the paper asks every candidate the same questions, so they are prepared once, exactly as the
checkpoint's own transformers processor does it: its chat template, its image processor, its expansion of
image tokens. transformers refuses to build a processor that owns a video processor where torchvision is
missing; where no question has a video, that one part is replaced by a stand-in that is never called.
This file knows nothing of models, candidates or files of questions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.answering.native import native_processor, original_llava
from adamms.errors import SearchError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image
    from torch import Tensor

    from adamms.answering.recordings import Video

    Samples = npt.NDArray[np.float32]

# Where transformers itself looks for the name of a checkpoint's processor class, in this order.
_PROCESSOR_FILES = (
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "tokenizer_config.json",
    "config.json",
)


EXTRACTORS = ("feature_extractor", "audio_processor")
"""What processors call their part that hears."""
SAMPLING_RATE = 16_000
"""Of a part that does not say; all that transformers ships and that do not say hear so many."""
MISSING = re.compile(r"requires the (\w+) library but it was not found")
"""How transformers says it."""


class StandIn:
    """Stands where a processor keeps a part that cannot be built here, because a library is missing."""

    model_input_names: tuple[str, ...] = ()
    num_frames = None
    fps = None
    merge_size = None

    def __init__(self, library: str = "torchvision") -> None:
        self.library = library


class WordsOnly:
    """A processor that cannot be built here, of which the tokenizer is left."""

    def __init__(self, tokenizer: Any, part: StandIn) -> None:
        self.tokenizer = tokenizer
        self.image_processor = self.feature_extractor = self.video_processor = part
        self.chat_template = tokenizer.chat_template
        self.apply_chat_template = tokenizer.apply_chat_template


@dataclass(frozen=True)
class Preparation:
    """A checkpoint's own processor (or only its tokenizer, for a plain language model)."""

    folder: Path
    processor: Any
    tokenizer: Any

    @classmethod
    def from_folder(
        cls, folder: str | Path, *, trust_remote_code: bool = False, vision_tower: str | None = None
    ) -> Preparation:
        """Load the processor of the checkpoint in `folder`; code found there runs only if it is trusted.

        `vision_tower` names the tower of a checkpoint whose layout leaves it out.
        """
        folder = Path(folder)
        require_sound_torchvision()
        try:
            processor = _load(folder, trust_remote_code=trust_remote_code, vision_tower=vision_tower)
        except SearchError:
            raise
        except Exception as error:  # the files are somebody else's, and so is the code that reads them
            if isinstance(error, ImportError) and (missing := MISSING.search(str(error))):
                tokenizer = _tokenizer(folder, trust_remote_code=trust_remote_code)
                return cls(folder, WordsOnly(tokenizer, StandIn(missing.group(1).lower())), tokenizer)
            raise SearchError(
                f"The processor of {folder} cannot be loaded: {sentence(error)}"
                + remote_code_hint(error, folder=folder, trusted=trust_remote_code)
            ) from error
        return cls(folder, processor, getattr(processor, "tokenizer", processor))

    @property
    def takes_images(self) -> bool:
        """Whether the checkpoint came with an image processor, and it can be built here."""
        return not isinstance(getattr(self.processor, "image_processor", None), StandIn | None)

    @property
    def takes_audio(self) -> bool:
        """Whether the checkpoint came with a part that hears, and it can be built here."""
        return not isinstance(self._extractor, StandIn | None)

    @property
    def sampling_rate(self) -> int:
        """Samples a second that the model hears."""
        return int(getattr(self._extractor, "sampling_rate", None) or SAMPLING_RATE)

    @property
    def _extractor(self) -> Any:
        return next(
            (part for name in EXTRACTORS if (part := getattr(self.processor, name, None)) is not None), None
        )

    def prepare(
        self,
        images: Sequence[Image],
        prompt: str,
        *,
        audio: Sequence[Samples] = (),
        video: Sequence[Video] = (),
    ) -> dict[str, Tensor]:
        """The model's inputs for one question: a batch of one, what the family's own processor emits.

        Args:
            images: what it shows.
            prompt: what it asks.
            audio: what it lets hear, (samples,) of one channel at the `sampling_rate`.
            video: what it lets see move.

        Raises:
            SearchError: the model does not take such a question, or its processor refuses it.
        """
        self._require(images, audio, video)
        text = self.render(len(images), prompt, audio=len(audio), video=len(video))
        settings: dict[str, Any] = {"return_tensors": "pt"}
        # As transformers' apply_chat_template has it: a template that writes the first token gets no second.
        beginning = getattr(self.tokenizer, "bos_token", None)
        if beginning is not None and text.startswith(beginning):
            settings["add_special_tokens"] = False
        if audio:
            settings |= {"audio": list(audio), "audio_kwargs": {"sampling_rate": self.sampling_rate}}
        if video:
            settings |= {"videos": [clip.frames for clip in video], "videos_kwargs": _about(video)}
        try:
            if audio or video or self.takes_images:
                shown = [self._readable(images)] if images else None
                # A processor that sees nothing has no such argument.
                settings |= {"images": shown} if self.takes_images else {}
                inputs = self.processor(text=[text], **settings)
            else:
                inputs = self.tokenizer(text, **settings)
        except Exception as error:
            raise SearchError(
                f"The processor of {self.folder} refuses the prompt {shortened(prompt)} "
                f"with {_counted(images, audio, video)}: {sentence(error)}"
            ) from error
        if not inputs["input_ids"].shape[-1]:
            raise SearchError(
                f"The tokenizer of {self.folder} makes no token of the prompt {shortened(prompt)}; correct "
                "the prompt, or the tokenizer's files if other models of the family read it."
            )
        return dict(inputs)

    def _require(self, images: Sequence[Image], audio: Sequence[Samples], video: Sequence[Video]) -> None:
        """Insist that the checkpoint takes what a question shows.

        Raises:
            SearchError: it does not, or not here.
        """
        for given, part, does in (
            (images, getattr(self.processor, "image_processor", None), "sees no images"),
            (audio, self._extractor, "hears no sound"),
            (video, getattr(self.processor, "video_processor", None), "sees no videos"),
        ):
            if given and part is None:
                raise SearchError(f"{self.folder} came without a processor for that: it {does}.")
            if given and isinstance(part, StandIn):
                raise SearchError(
                    f"{self.folder} {does} here: transformers' processor for that is made of {part.library}, "
                    f"which is not installed; install the {part.library} that was built for this torch."
                )

    def render(self, count: int, prompt: str, *, audio: int = 0, video: int = 0) -> str:
        """The text of one question under the chat template, with a token for each image, sound and video.

        Without a chat template the prompt is taken as it stands; it must then hold these tokens itself.
        """
        template = getattr(self.processor, "chat_template", None) or getattr(
            self.tokenizer, "chat_template", None
        )
        if template is None:
            return self._untemplated({"image": count, "audio": audio, "video": video}, prompt)
        content: Any = [
            *[{"type": "image"}] * count,
            *[{"type": "video"}] * video,
            *[{"type": "audio"}] * audio,
            {"type": "text", "text": prompt},
        ]
        if not hasattr(self.processor, "tokenizer"):
            content = prompt  # templates of plain language models read a string
        messages = [{"role": "user", "content": content}]
        if isinstance(template, Mapping):
            template = template.get("default")
        try:
            text = self.processor.apply_chat_template(
                messages, chat_template=template, add_generation_prompt=True, tokenize=False
            )
        except Exception as error:  # a template may raise anything: it is the checkpoint's own program
            raise SearchError(f"The chat template of {self.folder} fails: {sentence(error)}") from error
        return str(text)

    def _untemplated(self, counts: Mapping[str, int], prompt: str) -> str:
        for kind, count in counts.items():
            token = getattr(self.processor, f"{kind}_token", None)
            if count and (token is None or prompt.count(token) != count):
                raise SearchError(
                    f"{self.folder} has no chat template: write {token or f'its {kind} token'} into each "
                    f"prompt where {kind} belongs, or add the model's chat_template.jinja to the folder."
                )
        return prompt

    def _readable(self, images: Sequence[Image]) -> list[Image]:
        if getattr(self.processor.image_processor, "do_convert_rgb", False):
            return list(images)
        return [image if image.mode == "RGB" else image.convert("RGB") for image in images]

    def decode(self, tokens: Sequence[int], *, until: Collection[str] = ()) -> str:
        """The answer up to the first of `until`: special tokens left out, outer white space stripped."""
        text = str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))
        for end in until:
            text = text.partition(end)[0] if end else text
        return text.strip()


def _about(videos: Sequence[Video]) -> dict[str, Any]:
    """What a video processor needs beside the frames: they are all to be used, and so many are a second."""
    if any(video.rate is None for video in videos):
        return {"do_sample_frames": False}
    from transformers.video_utils import VideoMetadata

    about = [
        VideoMetadata(
            total_num_frames=len(video.frames), fps=video.rate, frames_indices=list(range(len(video.frames)))
        )
        for video in videos
    ]
    return {"do_sample_frames": False, "video_metadata": about}


def _counted(images: Sequence[Image], audio: Sequence[Samples], video: Sequence[Video]) -> str:
    others = [f"{len(audio)} sound(s)"] * bool(audio) + [f"{len(video)} video(s)"] * bool(video)
    return ", ".join([f"{len(images)} image(s)", *others])


def require_sound_torchvision() -> None:
    """Refuse a torchvision built for another torch: beside it transformers cannot import a single model."""
    try:
        import torchvision  # noqa: F401
    except ModuleNotFoundError:
        return
    except (ImportError, RuntimeError, OSError) as error:
        raise SearchError(
            f"The installed torchvision does not work beside this torch ({sentence(error)}); "
            "AdaMMS does not need it: `pip uninstall torchvision`, or install the one built for this torch."
        ) from error


def sentence(error: BaseException) -> str:
    """The first line of an error of somebody else's, short enough to stand inside one of ours."""
    text = str(error).strip()
    first = text.splitlines()[0].strip() if text else type(error).__name__
    return first if len(first) <= 300 else first[:297] + "..."


def shortened(prompt: str) -> str:
    """A prompt as it is shown in an error."""
    return repr(prompt if len(prompt) <= 60 else prompt[:57] + "...")


def remote_code_hint(error: Exception, *, folder: Path, trusted: bool) -> str:
    """What to do about an error that came from code which was not trusted."""
    if trusted or "trust_remote_code" not in str(error):
        return ""
    return f" (read the *.py files in {folder}, then pass --trust-remote-code to run them)"


def _load(folder: Path, *, trust_remote_code: bool, vision_tower: str | None) -> Any:
    from transformers import AutoProcessor

    if (base := original_llava(folder, vision_tower=vision_tower)) is not None:
        # Late: few bases are in that layout.
        from adamms.answering.original_processor import original_processor

        return _assembled(*original_processor(base))

    if (processor := native_processor(folder)) is not None:
        return processor
    processor_class = _native_class(folder)
    if processor_class is not None:
        return _image_processor_of(processor_class, folder, trust_remote_code=trust_remote_code)
    return AutoProcessor.from_pretrained(folder, trust_remote_code=trust_remote_code)


def _tokenizer(folder: Path, *, trust_remote_code: bool) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:
        raise SearchError(f"The tokenizer of {folder} cannot be loaded: {sentence(error)}") from error


def _native_class(folder: Path) -> Any:
    """The processor class transformers itself has for this checkpoint, or None."""
    from transformers import AutoConfig
    from transformers.models.auto import processing_auto

    name = next(
        (name for file in _PROCESSOR_FILES if (name := _named_class(folder / file)) is not None), None
    )
    found = processing_auto.processor_class_from_name(name) if name is not None else None
    if found is None and (folder / "config.json").is_file():
        try:
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        except ValueError:  # a model type of the checkpoint's own: AutoProcessor decides
            return None
        if type(config) in processing_auto.PROCESSOR_MAPPING:
            found = processing_auto.PROCESSOR_MAPPING[type(config)]
    return found if isinstance(found, type) and hasattr(found, "from_args_and_dict") else None


def _named_class(path: Path) -> str | None:
    if not path.is_file():
        return None
    values = json.loads(path.read_text(encoding="utf-8"))
    name = values.get("processor_class") if isinstance(values, dict) else None
    return str(name) if name is not None else None


def _image_processor_of(processor_class: Any, folder: Path, *, trust_remote_code: bool) -> Any:
    """The checkpoint's processor, built by its own class around everything but a video processor."""
    from transformers import AutoFeatureExtractor, AutoImageProcessor, AutoTokenizer

    parts: list[Any] = []
    for attribute in processor_class.get_attributes():
        if "video" in attribute:
            continue
        loader = AutoFeatureExtractor
        if "tokenizer" in attribute:
            loader = AutoTokenizer
        elif "image" in attribute:
            loader = AutoImageProcessor
        try:
            parts.append(loader.from_pretrained(folder, trust_remote_code=trust_remote_code))
        except ImportError as error:
            # What it would serve may not be asked for: words alone need neither pictures nor sound.
            missing = MISSING.search(str(error))
            if missing is None or "tokenizer" in attribute:
                raise
            parts.append(StandIn(missing.group(1).lower()))
    settings, _ = processor_class.get_processor_dict(folder)
    return _assembled(processor_class, parts, settings, video=_video_processor(folder))


def _video_processor(folder: Path) -> Any:
    """The checkpoint's video processor; a stand-in without torchvision, or where the folder has none."""
    from transformers import AutoVideoProcessor
    from transformers.utils import is_torchvision_available

    if is_torchvision_available():
        with suppress(OSError, ValueError):
            return AutoVideoProcessor.from_pretrained(folder)
    return StandIn()


def _assembled(
    processor_class: Any, parts: Sequence[Any], settings: dict[str, Any], *, video: Any = None
) -> Any:
    """A processor around these parts, in the order of its attributes, those for videos left out.

    Where there is no `video` processor a stand-in takes its place.
    """
    video = StandIn() if video is None else video

    def check(self: Any, name: str, part: Any) -> Any:
        if isinstance(part, StandIn):
            return StandIn
        return processor_class.check_argument_for_proper_class(self, name, part)

    def to_dict(self: Any) -> dict[str, Any]:  # from_args_and_dict logs the processor as JSON
        values: dict[str, Any] = processor_class.to_dict(self)
        return {name: value for name, value in values.items() if not isinstance(value, StandIn)}

    given = iter(parts)
    every = [video if "video" in attribute else next(given) for attribute in processor_class.get_attributes()]
    changes = {"check_argument_for_proper_class": check, "to_dict": to_dict}
    without_video: Any = type(processor_class.__name__, (processor_class,), changes)
    return without_video.from_args_and_dict(every, settings)
