"""Which inputs a model cannot be asked at all: its processor refuses them, or they are longer than it reads.

A dead picture among a hundred, or a prompt of a hundred pages, is no reason to give up a search. Only what
prepares questions is loaded here, no weights: it is asked when something was refused, to know all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.answering.preparation import Preparation
from adamms.answering.processor import sentence
from adamms.errors import CheckpointError, SearchError
from adamms.responses.inputs import Example

if TYPE_CHECKING:
    from adamms.checkpoints import TensorSource


@dataclass(frozen=True)
class RefusedInput:
    """An input that a model cannot be asked."""

    id: str
    files: tuple[Path, ...]
    model: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """As a line of a run's `left-out.jsonl`."""
        files = [str(file) for file in self.files]
        return {"id": self.id, "files": files, "model": self.model, "why": self.why}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RefusedInput":
        """What `to_json` gave."""
        return cls(data["id"], tuple(map(Path, data["files"])), data["model"], data["why"])


def refused_inputs(
    model: "TensorSource",
    examples: Sequence[Example],
    *,
    trust_remote_code: bool = False,
    vision_tower: str | None = None,
) -> list[RefusedInput]:
    """The inputs that a model's own preparation refuses; all of them where there is no preparation.

    Args:
        model: the checkpoint.
        examples: the inputs.
        trust_remote_code: run its own Python files.
        vision_tower: of a checkpoint whose layout leaves it out.

    Raises:
        SearchError: it has no processor.
    """
    from adamms.answering.transformers_engine import open_image

    assert model.folder is not None
    preparation = Preparation.from_folder(
        model.folder, trust_remote_code=trust_remote_code, vision_tower=vision_tower
    )
    text = model.config.get("text_config")
    longest = (text if isinstance(text, dict) else model.config).get("max_position_embeddings")
    refused = []
    for example in examples:
        try:
            recordings = _recordings(preparation, example)
            inputs = preparation.prepare(
                [open_image(path) for path in example.images], example.prompt, **recordings
            )
            length = inputs["input_ids"].shape[1]
            if isinstance(longest, int) and length >= longest:
                raise SearchError(f"it is {length} tokens long; the model reads {longest}")
        except CheckpointError:
            raise  # it is the model's fault, whatever is asked
        except Exception as error:  # a processor is somebody else's program, and may raise anything
            why = str(error) if isinstance(error, SearchError) else sentence(error)
            refused.append(RefusedInput(example.id, example.files, model.source, why.rstrip(".")))
    return refused


def _recordings(preparation: Preparation, example: Example) -> dict[str, Any]:
    if not (example.audio or example.video):
        return {}
    from adamms.answering.recordings import read_sound, read_video

    rate = preparation.sampling_rate
    return {
        "audio": [read_sound(path, rate=rate) for path in example.audio],
        "video": [read_video(path) for path in example.video],
    }
