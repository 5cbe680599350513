"""`load`: a merged model in memory that answers, whatever its architecture.

Also those that transformers does not run by itself: CogVLM and mPLUG-Owl2, in the folders of their authors
too, and what lies in LLaVA's own layout.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.api.merging import Dtype, Source
from adamms.api.wording import speaks_python
from adamms.errors import require_packages

if TYPE_CHECKING:
    from PIL.Image import Image

    from adamms.answering.transformers_engine import TransformersEngine


class AnsweringModel:
    """A live model and its processor."""

    def __init__(self, source: str, engine: "TransformersEngine", pictures: "dict[str, Image]") -> None:
        self.source = source
        self._engine, self._pictures = engine, pictures

    @property
    def model(self) -> Any:
        """The transformers model, a torch module in evaluation mode."""
        return self._engine.model

    @property
    def processor(self) -> Any:
        """The checkpoint's own processor; of a plain language model its tokenizer."""
        return self._engine.processor

    @speaks_python
    def answer(
        self,
        prompt: str,
        image: "Source | Image | list[Source | Image] | None" = None,
        *,
        max_new_tokens: int | None = None,
    ) -> str:
        """Answer one question, greedily, in the model's own chat template.

        Args:
            prompt: the question.
            image: a picture, or several: paths, or as PIL has them.
            max_new_tokens: of the longest answer; as `load` was told when left out.

        Raises:
            SearchError: the model does not take such a question.
        """
        from adamms.responses import Example

        shown = [] if image is None else image if isinstance(image, list) else [image]
        names = [Path(f"picture-{number}") for number, _ in enumerate(shown)]
        self._pictures.clear()
        self._pictures |= {str(name): _pixels(picture) for name, picture in zip(names, shown, strict=True)}
        self._engine.forget(limit=max_new_tokens)
        self._engine.prepare([Example("question", tuple(names), prompt)])
        return next(iter(self._engine.answer(["question"]))).response

    def __repr__(self) -> str:
        return f"AnsweringModel({type(self.model).__name__} of {self.source!r} on {self._engine.device})"


@speaks_python
def load(
    path: Source,
    *,
    device: str | None = None,
    compute_dtype: Dtype | None = None,
    max_new_tokens: int = 64,
    trust_remote_code: bool = False,
    vision_tower: Source | None = None,
) -> AnsweringModel:
    """Load a merged model, or any other that this tool can ask.

    Args:
        path: a merged model's folder, a search's run directory, or any model's folder or hub id.
        device: such as "cuda:1"; a GPU where there is one when left out.
        compute_dtype: of the arithmetic; float32 on a CPU, the model's own on a GPU when left out.
        max_new_tokens: of the longest answer.
        trust_remote_code: run Python code that the model's folder brings along.
        vision_tower: the model's, where its checkpoint has none.

    Raises:
        AdaMMSError: it cannot be loaded as a model that answers; the message says why.
    """
    require_packages("torch", "transformers")
    from adamms.adapters import open_model
    from adamms.answering.engine import EngineOptions
    from adamms.answering.transformers_engine import TransformersEngine

    options = EngineOptions(
        max_new_tokens=max_new_tokens,
        device=device,
        dtype=compute_dtype,
        trust_remote_code=trust_remote_code,
        vision_tower=None if vision_tower is None else str(vision_tower),
    )
    source = _merged(path)
    pictures: dict[str, Image] = {}
    with open_model(source, download=True) as checkpoint:
        checkpoint.require_data()
        engine = TransformersEngine(checkpoint, options=options, picture=lambda name: pictures[str(name)])
    return AnsweringModel(source, engine, pictures)


def _merged(path: Source) -> str:
    """A run directory's merged model; any other path as it is."""
    from adamms.checkpoints.merged_folder import MERGED

    run = Path(path)
    return str(run / MERGED if (run / MERGED / "config.json").is_file() else path)


def _pixels(picture: "Source | Image") -> "Image":
    if isinstance(picture, str | Path):
        from adamms.answering.transformers_engine import open_image

        return open_image(Path(picture))
    return picture.convert("RGB")
