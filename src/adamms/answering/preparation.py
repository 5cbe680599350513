"""From pictures and a question to the tensors a model reads, without torchvision.

Section 3.3 of the paper asks every candidate the same questions, so they are prepared once, exactly as the
checkpoint's own transformers processor does it: its chat template, its image processor, its expansion of
image tokens. How the processor comes about is `processor`'s matter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.answering.processor import StandIn, is_panic, load_processor, sentence
from adamms.answering.rehearsal import rehearse
from adamms.errors import SearchError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL.Image import Image
    from torch import Tensor

    from adamms.answering.recordings import Video

    Samples = npt.NDArray[np.float32]
EXTRACTORS = ("feature_extractor", "audio_processor")
"""What processors call their part that hears."""
SAMPLING_RATE = 16_000
"""Of a part that does not say; all that transformers ships and that do not say hear so many."""


@dataclass(frozen=True)
class Preparation:
    """A checkpoint's own processor (or only its tokenizer, for a plain language model)."""

    folder: Path
    processor: Any
    tokenizer: Any
    _rehearsed: set[tuple[int, int, int]] = field(default_factory=set)
    """Of how many images, sounds and videos questions were whose text was tried first."""

    @classmethod
    def from_folder(
        cls, folder: str | Path, *, trust_remote_code: bool = False, vision_tower: str | None = None
    ) -> Preparation:
        """Load the processor of the checkpoint in `folder`; code found there runs only if it is trusted.

        `vision_tower` names the tower of a checkpoint whose layout leaves it out.
        """
        folder = Path(folder)
        processor = load_processor(folder, trust_remote_code=trust_remote_code, vision_tower=vision_tower)
        return cls(folder, processor, getattr(processor, "tokenizer", processor))

    @property
    def takes_images(self) -> bool:
        """Whether the checkpoint came with an image processor, and it can be built here."""
        return not isinstance(getattr(self.processor, "image_processor", None), StandIn | None)

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
        except BaseException as error:
            if not isinstance(error, Exception) and not is_panic(error):
                raise
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

        Without a chat template the prompt is taken as it stands, and tokens that it does not hold stand
        before it.
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

        def text_of() -> str:
            return str(
                self.processor.apply_chat_template(
                    messages, chat_template=template, add_generation_prompt=True, tokenize=False
                )
            )

        shape = (count, audio, video)
        if shape not in self._rehearsed:
            rehearse(text_of, what=f"The chat template of {self.folder}")
            self._rehearsed.add(shape)
        try:
            return text_of()
        except Exception as error:  # a template may raise anything: it is the checkpoint's own program
            raise SearchError(f"The chat template of {self.folder} fails: {sentence(error)}") from error

    def _untemplated(self, counts: Mapping[str, int], prompt: str) -> str:
        for kind, count in counts.items():
            token = getattr(self.processor, f"{kind}_token", None)
            if count and token is not None and token not in prompt:
                prompt = f"{token * count}\n{prompt}"
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


def shortened(prompt: str) -> str:
    """A prompt as it is shown in an error."""
    return repr(prompt if len(prompt) <= 60 else prompt[:57] + "...")
