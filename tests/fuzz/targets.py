"""What is fuzzed: functions of bytes, each a way in for a stranger's file. They raise nothing but our errors."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from adamms.adapters.adapter_config import LoraSettings
from adamms.checkpoints.json_files import parse_json
from adamms.checkpoints.model_files import LocalFolder
from adamms.checkpoints.safetensors_header import read_header
from adamms.checkpoints.torch_file import read_torch_header
from adamms.checkpoints.vocabulary import read_vocabulary
from adamms.errors import AdaMMSError
from adamms.mapping import ParameterMapping
from adamms.mapping.language_config import language_config
from adamms.recipes.recipe import read_recipe
from adamms.responses.responses import parse_line
from adamms.searching import Selection

Target = Callable[[bytes], object]


def header(raw: bytes) -> object:
    return read_header(lambda start, length: raw[start : start + length], shard="x", size=len(raw))


def pickle(raw: bytes) -> object:
    return read_torch_header(lambda start, length: raw[start : start + length], shard="x", size=len(raw))


def config(raw: bytes) -> object:
    values = parse_json(raw)
    if not isinstance(values, dict):
        return None
    facts = language_config(values)
    return str(facts.numerics), str(facts.positions)


def adapter(raw: bytes) -> object:
    values = parse_json(raw)
    return (
        LoraSettings.of(values, source="x").strengths(["a.b"], source="x")
        if isinstance(values, dict)
        else None
    )


def mapping(raw: bytes) -> object:
    return ParameterMapping.from_json(parse_json(raw))


def selection(raw: bytes) -> object:
    values = parse_json(raw)
    return Selection.from_json(values) if isinstance(values, dict) else None


def line(raw: bytes) -> object:
    return parse_line(raw)


def recipe(raw: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "recipe.yaml").write_bytes(raw)
        return read_recipe(Path(folder) / "recipe.yaml")


def tokenizer(raw: bytes) -> object:
    return _vocabulary("tokenizer.json", raw)


def sentencepiece(raw: bytes) -> object:
    return _vocabulary("tokenizer.model", raw)


def _vocabulary(name: str, raw: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(raw)
        return read_vocabulary(LocalFolder(Path(folder), source="x"))


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        header,
        pickle,
        config,
        adapter,
        mapping,
        selection,
        line,
        recipe,
        tokenizer,
        sentencepiece,
    )
}
# Readers of parsed JSON meet what is no JSON before.
PARSED = (config, adapter, mapping, selection)


def held(target: Target, raw: bytes) -> None:
    """Feed a target; what it raises must be an error of ours, short and without a raw control character."""
    try:
        target(raw)
    except AdaMMSError as error:
        assert str(error).strip(), "a sentence"
    except ValueError:
        if target not in PARSED:
            raise
        # Only from the parser: what is JSON must be told in a sentence.
        try:
            parse_json(raw)
        except ValueError:
            return
        raise
