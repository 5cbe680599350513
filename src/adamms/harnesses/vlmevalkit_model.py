"""A program for VLMEvalKit's python: a model that VLMEvalKit can load, and a run of it on some data sets.

    python vlmevalkit_model.py --worker COMMAND --data A,B --work-dir DIR [--name adamms] [--limit N]

Run by its path: it imports VLMEvalKit and nothing of adamms. COMMAND is a JSON list, the worker
(`worker.py`) in adamms's own environment, which answers over pipes. Questions, prompts, prediction files and
scores are VLMEvalKit's own; `told.json` in DIR says of each data set null, or why it could not be evaluated.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

AT_ONCE = 256
"""Questions handed over together."""


class Worker:
    """The process that answers."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._read()

    def ask(self, questions: list[dict[str, Any]]) -> list[str]:
        """Answers in the questions' order."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"questions": questions}) + "\n")
        self._process.stdin.flush()
        responses: list[str] = self._read()["responses"]
        return responses

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise _FailedError("the process that answers has ended; its last words are in the log.")
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise _FailedError(message["error"])
        return message


class _FailedError(Exception):
    """Nothing can be evaluated; a sentence."""


def question_of(message: list[dict[str, Any]]) -> dict[str, Any]:
    """VLMEvalKit's message as pictures and one text: the pictures first, as our chat templates have them."""
    texts = [str(part["value"]) for part in message if part["type"] == "text"]
    images = [str(Path(part["value"]).absolute()) for part in message if part["type"] == "image"]
    other = [part["type"] for part in message if part["type"] not in ("text", "image")]
    if other:
        raise _FailedError(f"a question holds a {other[0]}, and adamms reads text and pictures only.")
    return {"images": images, "prompt": "\n".join(texts)}


def model_class() -> Any:
    """The class that VLMEvalKit loads as a model."""
    from vlmeval.vlm.base import BaseModel

    class AdaMMS(BaseModel):  # type: ignore[misc]
        """Hands VLMEvalKit's messages to the worker."""

        INTERLEAVE = True

        def __init__(self, worker: Worker) -> None:
            super().__init__()
            self._worker = worker
            self._known: dict[str, str] = {}

        def foresee(self, messages: list[Any]) -> None:
            """Have many answered together; `generate` then finds them."""
            asked = {json.dumps(question): question for question in map(question_of, messages)}
            new = [key for key in asked if key not in self._known]
            for start in range(0, len(new), AT_ONCE):
                part = new[start : start + AT_ONCE]
                responses = self._worker.ask([asked[key] for key in part])
                self._known.update(zip(part, responses, strict=True))

        def generate(self, message: Any, dataset: str | None = None) -> str:
            """One answer."""
            self.foresee([message])
            return self._known[json.dumps(question_of(message))]

    return AdaMMS


def main() -> int:
    """Evaluate every data set that can be had."""
    arguments = _arguments()
    arguments.work_dir.mkdir(parents=True, exist_ok=True)
    # Predictions that need no further package to be read; the user's own wish counts more.
    os.environ.setdefault("PRED_FORMAT", "tsv")
    from vlmeval.config import supported_VLM

    try:
        model = model_class()(Worker(json.loads(arguments.worker)))
    except _FailedError as error:
        print(f"adamms: {error}", file=sys.stderr)
        return 2
    supported_VLM[arguments.name] = lambda **_: model
    outcomes: dict[str, str | None] = {}
    for data_set in arguments.data.split(","):
        try:
            _evaluate(model, data_set, arguments)
            outcomes[data_set] = None
        except Exception as error:  # one data set's trouble is not the next one's
            first = str(error).strip().partition("\n")[0][:300]
            outcomes[data_set] = (
                first if isinstance(error, _FailedError) else f"{type(error).__name__}: {first}"
            )
    (arguments.work_dir / "told.json").write_text(json.dumps(outcomes, indent=1) + "\n", encoding="utf-8")
    model._worker.close()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--worker", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--name", default="adamms")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--judge", default="exact_matching")
    return parser.parse_args()


def _evaluate(model: Any, name: str, arguments: argparse.Namespace) -> None:
    from vlmeval.dataset import build_dataset
    from vlmeval.inference import infer_data_job
    from vlmeval.smp import get_pred_file_path

    dataset = build_dataset(name)
    if dataset is None:
        raise _FailedError(f"VLMEvalKit does not have {name}, or cannot have its data.")
    if arguments.limit:
        dataset.data = dataset.data.iloc[: arguments.limit]
    folder = str(arguments.work_dir.absolute())
    rows = [dataset.data.iloc[index] for index in range(len(dataset.data))]
    model.foresee([dataset.build_prompt(row) for row in rows])
    infer_data_job(model, folder, arguments.name, dataset)
    scores = dataset.evaluate(get_pred_file_path(folder, arguments.name, name), model=arguments.judge)
    print(f"{name}: {scores}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
