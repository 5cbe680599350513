"""Heads: tied, of their own, or none; the config's word, and the stored values' where they contradict it."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import layouts
from adamms.checkpoints import Checkpoint
from adamms.mapping import map_parameters
from adamms.mapping.inspection import inspect_checkpoint

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"


def model(
    folder: Path, *, config: dict[str, Any], head: str | None, dtype: torch.dtype = torch.float32
) -> Path:
    """A tiny decoder whose head is `equal` to its embeddings, differs in its last value, or is not stored."""
    generator = torch.Generator().manual_seed(1)
    tensors = {
        name: torch.randn(shape, generator=generator) for name, (shape, _) in layouts.tiny_decoder().items()
    }
    if head is None:
        del tensors[HEAD]
    else:
        tensors[HEAD] = tensors[EMBED].clone()
        tensors[HEAD][-1, -1] += head == "other"
        tensors[HEAD] = tensors[HEAD].to(dtype)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def outer(tied: bool, nested: bool) -> dict[str, Any]:
    return {"tie_word_embeddings": tied, "text_config": {"tie_word_embeddings": nested}}


@pytest.mark.parametrize(
    ("config", "head", "kind"),
    [
        ({}, "other", "own"),
        ({}, None, "tied"),
        ({"tie_word_embeddings": True}, None, "tied"),
        ({"tie_word_embeddings": True}, "equal", "tied"),
        ({"tie_word_embeddings": True}, "other", "own"),
        ({"tie_word_embeddings": False}, "equal", "own"),
        ({"tie_word_embeddings": False}, None, "none"),
        (outer(False, True), "equal", "own"),
        (outer(True, False), "equal", "tied"),
        (outer(False, True), None, "none"),
        ({"text_config": {"tie_word_embeddings": True}}, "equal", "tied"),
        # A model inside a model owns its head itself.
        ({"tie_word_embeddings": True, "llm_config": {"tie_word_embeddings": False}}, None, "none"),
        ({"tie_word_embeddings": False, "thinker_config": outer(True, False)}, None, "tied"),
        ({"tie_word_embeddings": True, "thinker_config": {"text_config": {}}}, "equal", "tied"),
    ],
)
def test_kinds(config: dict[str, Any], head: str | None, kind: str, tmp_path: Path) -> None:
    with Checkpoint.open(model(tmp_path / "m", config=config, head=head)) as opened:
        language = inspect_checkpoint(opened).language_model
    assert language is not None
    assert (language.head, language.tied_head) == (kind, kind == "tied")


def test_a_copy_in_another_dtype_is_compared_by_value(tmp_path: Path) -> None:
    path = model(tmp_path / "m", config={"tie_word_embeddings": True}, head="equal", dtype=torch.float64)
    with Checkpoint.open(path) as opened:
        assert inspect_checkpoint(opened).language_model.head == "tied"


def mapped(base: Path, donor: Path) -> tuple[list[str], tuple[str, ...]]:
    """What the base's head takes, and the notes on heads."""
    with Checkpoint.open(base) as ours, Checkpoint.open(donor) as theirs:
        mapping = map_parameters(ours, theirs)
    return (
        [segment.donor for segment in mapping.tensors[HEAD].segments] if HEAD in mapping.tensors else [],
        tuple(note for note in mapping.notes if "head" in note and "tokenizer" not in note),
    )


UNTIED, TIED = {"tie_word_embeddings": False}, {"tie_word_embeddings": True}


@pytest.mark.parametrize(
    ("base", "donor", "takes", "said"),
    [
        ((outer(False, True), "other"), (outer(False, True), "other"), [HEAD], ""),
        ((UNTIED, "other"), (TIED, None), [EMBED], "The donor's head is tied"),
        ((UNTIED, "other"), (TIED, "equal"), [EMBED], "The donor's head is tied"),
        ((UNTIED, "other"), (UNTIED, None), [], "The donor has no head"),
        ((TIED, "equal"), (UNTIED, "other"), [EMBED], "The base's head is tied"),
        ((TIED, "other"), (UNTIED, "other"), [HEAD], ""),
        ((TIED, None), (UNTIED, "other"), [], "The base shares its head with its embedding table"),
        ((UNTIED, None), (UNTIED, "other"), [], "The base has no head: the donor's own head is unused"),
        ((TIED, None), (TIED, None), [], ""),
    ],
)
def test_what_a_head_takes(base, donor, takes: list[str], said: str, tmp_path: Path) -> None:
    found, notes = mapped(
        model(tmp_path / "base", config=base[0], head=base[1]),
        model(tmp_path / "donor", config=donor[0], head=donor[1]),
    )
    assert found == takes
    assert len(notes) == bool(said)
    assert said in "".join(notes)
