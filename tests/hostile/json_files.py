"""Every JSON file that we read, with every fault that a JSON file can have."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hostile.kinds import OUT, Kind, Make
from hostile.materials import JSON_FAULTS, PAIR, Write, base, donor, toy

Place = Callable[[Path], tuple[Path, Sequence[object]]]
"""Makes a sound whole; returns the file to be spoilt and the command."""


def _of_toy(name: str) -> Place:
    def place(folder: Path) -> tuple[Path, Sequence[object]]:
        model = toy(folder)
        if name.endswith("index.json"):
            (model / "model.safetensors").rename(model / "model-1-of-1.safetensors")
        return model / name, ("inspect", model)

    return place


def _of_base(name: str, *verb: object) -> Place:
    """A file of the base, met by the mapping of a pair."""

    def place(folder: Path) -> tuple[Path, Sequence[object]]:
        models = base(folder), donor(folder)
        if name in ("vocab.json", "tokenizer.model"):
            (models[0] / "tokenizer.json").unlink()
        return models[0] / name, (
            *verb,
            *models,
            *(("--alpha", 0.3, "--out", OUT) if "merge" in verb else ()),
        )

    return place


def _adapter(folder: Path) -> tuple[Path, Sequence[object]]:
    model, adapter = base(folder), folder / "adapter"
    adapter.mkdir()
    shutil.copy(model / "model.safetensors", adapter / "adapter_model.safetensors")
    return adapter / "adapter_config.json", ("inspect", f"{model}+{adapter}")


def _mapping(folder: Path) -> tuple[Path, Sequence[object]]:
    file = folder / "mapping.json"
    return file, ("merge", PAIR.base, PAIR.donor, "--mapping", file, "--alpha", 0.3, "--out", OUT)


def _line(folder: Path) -> tuple[Path, Sequence[object]]:
    file = folder / "alpha=0.10.jsonl"
    for alpha in ("0.00", "0.20", "0.30"):
        (folder / f"alpha={alpha}.jsonl").write_text(
            json.dumps({"id": "1", "alpha": float(alpha), "response": "a"})
        )
    return file, ("select", folder)


def _predictions(folder: Path) -> tuple[Path, Sequence[object]]:
    for alpha in ("0.0", "0.2", "0.3"):
        file = folder / f"alpha={alpha}_MME.json"
        file.write_text(json.dumps([{"index": 1, "question": "q", "answer": "a", "prediction": "a"}]))
    return folder / "alpha=0.1_MME.json", ("select", folder)


def _scores(folder: Path) -> tuple[Path, Sequence[object]]:
    return folder / "scores.json", ("table", folder / "scores.json")


def _about(folder: Path) -> tuple[Path, Sequence[object]]:
    model = base(folder)
    return model / "adamms.json", ("verify", model)


def _run(name: str) -> Place:
    def place(folder: Path) -> tuple[Path, Sequence[object]]:
        run = folder / "run"
        run.mkdir()
        (run / "recipe.yaml").write_text("base: a\ndonor: b\n")
        (run / "mapping.json").write_text("{}")
        if name != "selection.json":
            (run / "selection.json").write_text("{}")
        else:
            (run / name).unlink(missing_ok=True)
        (run / name).unlink(missing_ok=True)
        return run / name, ("report", run)

    return place


PLACES: dict[str, Place] = {
    "config.json": _of_toy("config.json"),
    "index": _of_toy("model.safetensors.index.json"),
    "bin index": _of_toy("pytorch_model.bin.index.json"),
    "tokenizer.json": _of_base("tokenizer.json", "map"),
    "vocab.json": _of_base("vocab.json", "map"),
    "added_tokens.json": _of_base("added_tokens.json", "map"),
    "tokenizer_config.json": _of_base("tokenizer_config.json", "map"),
    "adapter_config.json": _adapter,
    "mapping.json": _mapping,
    "a line of answers": _line,
    "predictions": _predictions,
    "scores": _scores,
    "adamms.json": _about,
    "selection.json": _run("selection.json"),
}
# Where a folder, a pipe or nothing lies in place of a file, it is as if there was none.
NOTHING = ("a folder", "a pipe", "a device", "a link to nothing", "a link to itself")
HARMLESS = {("index", "a folder"), ("bin index", "a folder")} | {
    (place, fault) for place in ("a line of answers", "predictions") for fault in NOTHING
}


def kinds() -> Iterator[Kind]:
    for name, place in PLACES.items():
        for fault, write in JSON_FAULTS.items():
            yield Kind(
                f"json/{name}: {fault}",
                _make(place, write),
                harmless=(fault in ("half a gigabyte",) and False) or (name, fault) in HARMLESS,
                live=name == "adamms.json",
            )


def _make(place: Place, write: Write) -> Make:
    def make(folder: Path) -> Sequence[object]:
        file, command = place(folder)
        if file.is_file():
            file.unlink()
        write(file)
        return command

    return make
