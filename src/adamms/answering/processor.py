"""A checkpoint's processor, loaded without what nobody needs: torchvision above all.

transformers refuses to build a processor that owns a video processor where torchvision is missing; where no
question has a video, that one part is replaced by a stand-in that is never called. A part whose library is
missing leaves the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from adamms.answering.native import native_processor, original_llava
from adamms.answering.rehearsal import TokenizerTrial
from adamms.answering.settings_files import require_sound_settings
from adamms.errors import SearchError

# Where transformers itself looks for the name of a checkpoint's processor class, in this order.
_PROCESSOR_FILES = (
    "processor_config.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "tokenizer_config.json",
    "config.json",
)


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


def load_processor(folder: Path, *, trust_remote_code: bool, vision_tower: str | None) -> Any:
    """The processor of the checkpoint in `folder`, or what of it can be built here.

    `vision_tower` names the tower of a checkpoint whose layout leaves it out.

    Raises:
        SearchError: none can be loaded.
    """
    # Tried while transformers is imported, which takes longer.
    trial = TokenizerTrial(folder)
    try:
        require_sound_torchvision()
        require_sound_settings(folder, trust_remote_code=trust_remote_code)
        import transformers.models.auto.processing_auto  # noqa: F401
    finally:
        trial.require()
    try:
        return _load(folder, trust_remote_code=trust_remote_code, vision_tower=vision_tower)
    except SearchError:
        raise
    except BaseException as error:  # the files are somebody else's, and so is the code that reads them
        if not isinstance(error, Exception) and not is_panic(error):
            raise
        if isinstance(error, ImportError) and (missing := MISSING.search(str(error))):
            tokenizer = _tokenizer(folder, trust_remote_code=trust_remote_code)
            return WordsOnly(tokenizer, StandIn(missing.group(1).lower()))
        raise SearchError(
            f"The processor of {folder} cannot be loaded: {sentence(error)}"
            + remote_code_hint(error, folder=folder, trusted=trust_remote_code)
        ) from error


def is_panic(error: BaseException) -> bool:
    """Whether compiled Rust gave up, as tokenizers does on files that lie; no Exception in Python's eyes."""
    return type(error).__name__ == "PanicException"


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


def remote_code_hint(error: BaseException, *, folder: Path, trusted: bool) -> str:
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
    kind = processing_auto.processor_class_from_name(name) if name is not None else None
    if kind is None and (folder / "config.json").is_file():
        try:
            config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        except ValueError:  # a model type of the checkpoint's own: AutoProcessor decides
            return None
        if type(config) in processing_auto.PROCESSOR_MAPPING:
            kind = processing_auto.PROCESSOR_MAPPING[type(config)]
    return kind if isinstance(kind, type) and hasattr(kind, "from_args_and_dict") else None


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
