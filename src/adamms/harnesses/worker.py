"""A process that answers for a harness which lives in another environment: JSON lines in, JSON lines out.

    python -m adamms.harnesses.worker '{"model": FOLDER, ...}'

The arguments are those of `model_arguments.py`. When the model is loaded, one line says so: `{"ready":
true}`. A line in is `{"questions": [{"images": [path, ..], "prompt": text}, ..]}`, a line out `{"responses":
[text, ..]}` in their order, or `{"error": sentence}`. Everything else that is printed goes to stderr. Ends
with its stdin.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from PIL import Image

from adamms.answering.processor import sentence
from adamms.errors import AdaMMSError, EvaluationError
from adamms.harnesses.merged_model import Asked, MergedModel
from adamms.harnesses.model_arguments import engine_of, model_of
from adamms.responses.picture_files import opened_picture


def main() -> int:
    """Load the model and answer until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whoever prints must not disturb the answers
    try:
        arguments = json.loads(sys.argv[1])
        engine, source = engine_of(_read(arguments)), model_of(_read(arguments))
        if isinstance(source, str):
            model = MergedModel.of_folder(source, engine=engine)
        else:
            model = MergedModel.of_recipe(source, engine=engine)
    except AdaMMSError as error:
        _tell(answers, {"error": str(error)})
        return 2
    _tell(answers, {"ready": True})
    for line in sys.stdin:
        try:
            _tell(answers, {"responses": _responses(model, json.loads(line)["questions"])})
        except AdaMMSError as error:
            _tell(answers, {"error": str(error)})
    return 0


def _read(arguments: dict[str, Any]) -> dict[str, Any]:
    """Texts that are truths, as `--model_args` has them."""
    truths = {"True": True, "False": False}
    return {
        name: truths.get(value, value) if isinstance(value, str) else value
        for name, value in arguments.items()
    }


def _responses(model: MergedModel, questions: list[dict[str, Any]]) -> list[str]:
    refused = len(model.refused)
    asked = [
        Asked(tuple(_picture(Path(image)) for image in question["images"]), question["prompt"])
        for question in questions
    ]
    answers = {index: answered.text for index, answered in model.answer(asked)}
    for message in model.refused[refused:]:
        print(f"adamms: this question was answered with nothing: {message}", file=sys.stderr)
    return [answers[index] for index in range(len(questions))]


def _picture(path: Path) -> Image.Image:
    """As VLMEvalKit's own models open one: whatever its metadata say of turning it."""
    try:
        with opened_picture(path) as image:
            return image.convert("RGB")
    except Exception as error:  # damaged files make PIL's plug-ins raise nearly anything
        raise EvaluationError(f"The image {path} cannot be read: {sentence(error)}.") from error


def _tell(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
