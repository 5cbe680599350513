"""What inspect says of a checkpoint, and how a mapping is grouped for people."""

import json

import pytest

import layouts
from adamms.mapping import ParameterMapping, grouped, inspect_checkpoint, map_parameters
from adamms.mapping.grouping import layer_ranges

QWEN2_VL, ONEVISION = "Qwen/Qwen2-VL-7B-Instruct", "lmms-lab/llava-onevision-qwen2-7b-si"
COGVLM, OWL, LLAVA = "THUDM/cogvlm-chat-hf", "MAGAer13/mplug-owl2-llama2-7b", "liuhaotian/llava-v1.5-7b"


def test_a_vision_language_model(model) -> None:
    found = inspect_checkpoint(model(QWEN2_VL))
    assert (found.architecture, found.model_type) == ("Qwen2VLForConditionalGeneration", "qwen2_vl")
    assert (found.tensors, found.parameters, found.bytes, found.shards) == (
        730,
        8_291_375_616,
        16_582_751_232,
        2,
    )
    language = found.language_model
    assert language is not None
    assert (language.prefix, language.family, language.layers, language.hidden) == (
        "model.",
        "qwen2",
        28,
        3584,
    )
    assert (language.heads, language.key_value_heads, language.vocabulary_rows) == (28, 4, 152_064)
    assert not language.tied_head
    assert language.parameters == 7_615_616_512
    assert [(share.name, share.tensors) for share in found.outside] == [
        ("vision encoder", 385),
        ("projector", 6),
    ]
    assert [(share.name, share.tensors) for share in found.dtypes] == [("BF16", 730)]
    slots = {slot.role: slot for slot in found.slots}
    assert (slots["attention.k"].count, slots["attention.k"].shape, slots["attention.k"].layers) == (
        28,
        (512, 3584),
        "0-27",
    )
    assert (slots["embed"].count, slots["embed"].layers) == (1, "")
    assert found.duplicates == ()
    json.dumps(found.to_json())


@pytest.mark.parametrize("name", layouts.models())
def test_nothing_is_left_out_of_any_layout(model, name: str) -> None:
    found = inspect_checkpoint(model(name))
    assert found.language_model is not None
    assert (
        found.language_model.parameters + sum(share.parameters for share in found.outside) == found.parameters
    )
    assert sum(slot.parameters for slot in found.slots) == found.language_model.parameters
    assert sum(share.bytes for share in found.dtypes) == found.bytes
    assert found.tensors == len(model(name).tensors)
    assert found.notes == ()
    assert found.language_model.tied_head == ("gemma" in name)


def test_duplicates(model) -> None:
    roles = [slot.role for slot in inspect_checkpoint(model(COGVLM)).duplicates]
    assert roles == [
        "attention.k",
        "attention.o",
        "attention.q",
        "attention.v",
        "mlp.down",
        "mlp.gate",
        "mlp.up",
    ]
    roles = [slot.role for slot in inspect_checkpoint(model(OWL)).duplicates]
    assert roles == ["attention.k", "attention.v", "norm.input", "norm.post_attention"]


def test_mixed_dtypes(model) -> None:
    dtypes = inspect_checkpoint(model(LLAVA)).dtypes
    assert [(share.name, share.tensors) for share in dtypes] == [("F16", 295), ("F32", 32)]


def test_a_checkpoint_without_a_language_model_is_described_with_a_note(build) -> None:
    found = inspect_checkpoint(
        build("tower", {"vision_tower.proj.weight": ((3, 2), "F32"), "x": ((), "F32")})
    )
    assert found.language_model is None
    assert [(share.name, share.tensors, share.parameters) for share in found.outside] == [
        ("vision encoder", 1, 6),
        ("outside the language model", 1, 1),
    ]
    assert "No language model was found" in found.notes[0]
    assert (found.architecture, found.model_type) == (None, None)


def test_a_mapping_in_a_dozen_rows(model) -> None:
    base = model(QWEN2_VL)
    mapping = map_parameters(base, model(ONEVISION))
    rows = {row.title: row for row in grouped(mapping, base)}
    assert list(rows) == [
        "embed",
        "head",
        "norm.final",
        "layers 0-27, attention.k",
        "layers 0-27, attention.k.bias",
        "layers 0-27, attention.o",
        "layers 0-27, attention.q",
        "layers 0-27, attention.q.bias",
        "layers 0-27, attention.v",
        "layers 0-27, attention.v.bias",
        "layers 0-27, mlp.down",
        "layers 0-27, mlp.gate",
        "layers 0-27, mlp.up",
        "layers 0-27, norm.input",
        "layers 0-27, norm.post_attention",
        "projector",
        "vision encoder",
    ]
    query = rows["layers 0-27, attention.q"]
    assert (query.tensors, query.parameters_merged, query.status) == (28, 28 * 3584 * 3584, "merged")
    assert query.base == query.donor == "model.layers.*.self_attn.q_proj.weight"
    tower = rows["vision encoder"]
    assert (tower.status, tower.base, tower.donor, tower.parameters_merged) == ("kept", "visual.*", "", 0)
    assert tower.reason == "vision encoder: stays the base's"


@pytest.mark.parametrize(("base", "donor"), [(COGVLM, OWL), (OWL, COGVLM), (LLAVA, OWL), (OWL, LLAVA)])
@pytest.mark.parametrize("duplicates", ["paired", "original", "matching"])
def test_groups_add_up_and_stay_few(model, base: str, donor: str, duplicates: str) -> None:
    mapping = map_parameters(model(base), model(donor), duplicates=duplicates)
    rows = grouped(mapping, model(base))
    assert len(rows) < 25
    assert sum(row.tensors for row in rows) == len(mapping.tensors)
    assert sum(row.parameters_merged for row in rows) == mapping.totals.parameters_merged
    assert sum(row.parameters for row in rows) == mapping.totals.parameters
    for status in ("merged", "partly", "kept"):
        assert sum(row.tensors for row in rows if row.status == status) == getattr(mapping.totals, status)


def test_fused_rows_are_shown(model) -> None:
    rows = {row.title: row for row in grouped(map_parameters(model(OWL), model(COGVLM)), model(OWL))}
    key = rows["layers 0-31, attention.k (vision duplicate)"]
    assert key.base == "model.layers.*.self_attn.k_proj.multiway.1.weight"
    assert key.donor == "model.layers.*.self_attn.vision_expert_query_key_value.weight[4096:8192]"


def test_an_edited_mapping_shows_which_layers_differ(build) -> None:
    base, donor = (
        build("base", layouts.tiny_decoder(layers=5)),
        build("donor", layouts.tiny_decoder(layers=5)),
    )
    data = map_parameters(base, donor).to_json()
    for layer in (1, 4):
        entry = data["tensors"][f"model.layers.{layer}.mlp.up_proj.weight"]
        entry.update(segments=[], reason="by hand")
    rows = grouped(ParameterMapping.from_json(data, base=base, donor=donor), base)
    found = [(row.title, row.status, row.tensors, row.reason) for row in rows if "mlp.up" in row.title]
    assert found == [
        ("layers 0, 2-3, mlp.up", "merged", 3, "language model, mlp.up"),
        ("layers 1, 4, mlp.up", "kept", 2, "by hand"),
    ]


def test_layer_ranges() -> None:
    assert layer_ranges([]) == ""
    assert layer_ranges([3]) == "3"
    assert layer_ranges([5, 0, 1, 2, 7, 6, 1]) == "0-2, 5-7"
