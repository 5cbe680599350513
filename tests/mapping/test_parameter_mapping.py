"""The mapping as a value: its JSON, edits by hand, and the check against two checkpoints."""

import json
from typing import Any

import pytest

import layouts
from adamms.errors import MappingError
from adamms.mapping import MappedDonor, ParameterMapping, Segment, map_parameters

QWEN2_VL, ONEVISION_HF = "Qwen/Qwen2-VL-7B-Instruct", "llava-hf/llava-onevision-qwen2-7b-si-hf"
EMBED, UP = "model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight"


@pytest.fixture
def pair(build):
    # Two different orders and prefixes, so that names cannot be confused.
    donor = dict(reversed(layouts.tiny_decoder("llm.model.", head="llm.lm_head.weight", rows=30).items()))
    return build("base", {"visual.proj.weight": ((3, 2), "F32"), **layouts.tiny_decoder()}), build(
        "donor", donor
    )


@pytest.fixture
def document(pair) -> dict[str, Any]:
    return json.loads(json.dumps(map_parameters(*pair, vocabulary="rows").to_json()))


@pytest.mark.parametrize(("base", "donor"), [(QWEN2_VL, ONEVISION_HF), (ONEVISION_HF, QWEN2_VL)])
def test_json_round_trip(model, base: str, donor: str) -> None:
    mapping = map_parameters(model(base), model(donor))
    data = json.loads(json.dumps(mapping.to_json()))
    assert ParameterMapping.from_json(data) == mapping
    assert ParameterMapping.from_json(data, base=model(base), donor=model(donor)) == mapping


def test_the_contract_of_map_json(document) -> None:
    assert list(document) == ["base", "donor", "duplicates", "vocabulary", "summary", "notes", "tensors"]
    assert document["summary"] == {
        "merged": 21,
        "partly": 0,
        "kept": 1,
        "parameters_merged": 2 * 20 * 8 + 8 + 2 * (2 * 64 + 2 * 32 + 3 * 128 + 2 * 8),
        "parameters": 2 * 20 * 8 + 8 + 2 * (2 * 64 + 2 * 32 + 3 * 128 + 2 * 8) + 6,
        "language_parameters": 2 * 20 * 8 + 8 + 2 * (2 * 64 + 2 * 32 + 3 * 128 + 2 * 8),
        "donor_tensors_used": 21,
        "donor_tensors_unused": 0,
    }
    assert document["tensors"][EMBED] == {
        "status": "merged",
        "reason": "language model, embed: the 20 leading rows of both (--vocabulary rows)",
        "segments": [{"donor": f"llm.{EMBED}", "donor_rows": [0, 20]}],
    }
    assert document["tensors"]["visual.proj.weight"]["segments"] == []


def test_statuses_and_totals_follow_from_edited_segments(pair, document) -> None:
    tensors = document["tensors"]
    tensors[EMBED]["segments"] = [{"donor": f"llm.{EMBED}", "donor_rows": [2, 6], "base_rows": [0, 4]}]
    tensors[UP]["segments"] = []
    del tensors["lm_head.weight"]
    edited = ParameterMapping.from_json(document, base=pair[0], donor=pair[1])
    assert edited.tensors[EMBED].status == "partly"
    assert edited.tensors[UP].status == "kept"
    assert edited.tensors["lm_head.weight"].reason == "not named in the mapping"
    assert (edited.totals.merged, edited.totals.partly, edited.totals.kept) == (18, 1, 3)
    before = document["summary"]["parameters_merged"]
    assert edited.totals.parameters_merged == before - 16 * 8 - 20 * 8 - 128
    assert edited.totals.donor_tensors_unused == 2


def test_a_mapping_written_by_hand(pair) -> None:
    data = {"tensors": {EMBED: {"segments": [{"donor": f"llm.{EMBED}", "donor_rows": [10, 30]}]}}}
    mapping = ParameterMapping.from_json(data).check(*pair)
    assert list(mapping.tensors) == list(pair[0].tensors)
    assert (mapping.totals.merged, mapping.totals.kept) == (1, 21)
    (piece,) = MappedDonor(mapping, *pair).pieces(EMBED)
    assert piece == ((0, 20), f"llm.{EMBED}", (10, 30))


@pytest.mark.parametrize(
    ("segments", "problem"),
    [
        ([{"donor": "nowhere"}], "there is no tensor nowhere in"),
        ([{"donor": f"llm.{EMBED}"}], "shapes differ"),
        (
            [{"donor": "llm.lm_head.weight", "donor_rows": [15, 35]}],
            "rows [15, 35] do not lie within the 30 rows",
        ),
        (
            [{"donor": f"llm.{EMBED}", "donor_rows": [0, 4], "base_rows": [18, 22]}],
            "within the 20 rows of model.",
        ),
        ([{"donor": f"llm.{EMBED}", "donor_rows": [-1, 3], "base_rows": [0, 4]}], "rows [-1, 3]"),
        ([{"donor": f"llm.{EMBED}", "donor_rows": [0, 3], "base_rows": [0, 4]}], "shapes differ"),
        ([{"donor": "llm.model.layers.0.mlp.down_proj.weight", "base_rows": [0, 8]}], "shapes differ"),
        (
            [
                {"donor": f"llm.{EMBED}", "donor_rows": [0, 5], "base_rows": [4, 9]},
                {"donor": f"llm.{EMBED}", "donor_rows": [0, 5], "base_rows": [0, 5]},
            ],
            "rows [0, 5] and [4, 9] overlap",
        ),
    ],
)
def test_segments_that_do_not_fit(pair, document, segments: list[dict], problem: str) -> None:
    document["tensors"][EMBED]["segments"] = segments
    with pytest.raises(MappingError) as caught:
        ParameterMapping.from_json(document, base=pair[0], donor=pair[1])
    assert problem in str(caught.value)
    assert EMBED in str(caught.value)


def test_what_is_no_parameter_is_never_merged(build) -> None:
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    tensors = {**layouts.tiny_decoder(), name: ((2,), "F32")}
    both = build("one", tensors), build("two", tensors)
    document = map_parameters(*both, vocabulary="rows").to_json()
    document["tensors"][name] = {"segments": [{"donor": name}]}
    with pytest.raises(MappingError, match=f"{name}: not a parameter .*never merged"):
        ParameterMapping.from_json(document).check(*both)


def test_all_problems_are_reported_at_once(pair, document) -> None:
    document["tensors"] = {f"old.{name}": entry for name, entry in document["tensors"].items()}
    document["tensors"][EMBED] = {"segments": [{"donor": "nowhere"}]}
    with pytest.raises(MappingError) as caught:
        ParameterMapping.from_json(document).check(*pair)
    message = str(caught.value)
    assert "there is no such tensor in" in message
    assert message.splitlines()[-1] == "  ... and 13 more problems"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda data: data.pop("tensors"), "tensors: expected a JSON object"),
        (lambda data: data.update(tensors=[]), "tensors: expected a JSON object, found list"),
        (lambda data: data["tensors"].update(x=3), "x: expected a JSON object"),
        (lambda data: data["tensors"][UP].update(status="gone"), "'gone' is not a status"),
        (lambda data: data["tensors"][UP].update(segments={}), "segments: expected a list"),
        (lambda data: data["tensors"][UP].update(segments=[{}]), "donor: expected a string, found None"),
        (lambda data: data["tensors"][UP]["segments"][0].update(rows=[0, 1]), "not 'rows'"),
        (lambda data: data["tensors"][UP]["segments"][0].update(donor_rows=[0]), "expected [start, stop]"),
        (lambda data: data["tensors"][UP]["segments"][0].update(base_rows=[4, 4]), "with start < stop"),
        (
            lambda data: data["tensors"][UP]["segments"][0].update(base_rows=[True, 4]),
            "expected [start, stop]",
        ),
        (lambda data: data["summary"].update(merged="many"), "summary, merged: expected a number"),
        (lambda data: data.update(base=1), "base: expected a string"),
        (lambda data: data.update(notes="none"), "notes: expected a list"),
    ],
)
def test_what_is_not_a_mapping(document, change, problem: str) -> None:
    change(document)
    with pytest.raises(MappingError, match="not a mapping as adamms map --save writes it") as caught:
        ParameterMapping.from_json(document)
    assert problem in str(caught.value)


@pytest.mark.parametrize("data", [None, [], "mapping", 3])
def test_no_json_object_at_all(data: object) -> None:
    with pytest.raises(MappingError, match="expected a JSON object"):
        ParameterMapping.from_json(data)


def test_pieces_are_written_out_in_the_order_of_the_rows(pair, document) -> None:
    document["tensors"][EMBED]["segments"] = [
        {"donor": "llm.lm_head.weight", "donor_rows": [0, 4], "base_rows": [16, 20]},
        {"donor": f"llm.{EMBED}", "donor_rows": [20, 30], "base_rows": [0, 10]},
    ]
    mapped = MappedDonor(ParameterMapping.from_json(document), *pair)
    assert mapped.pieces(EMBED) == (
        ((0, 10), f"llm.{EMBED}", (20, 30)),
        ((16, 20), "llm.lm_head.weight", (0, 4)),
    )
    assert mapped.pieces(UP) == (((0, 16), f"llm.{UP}", (0, 16)),)
    assert mapped.pieces("visual.proj.weight") == ()
    assert "visual.proj.weight" not in mapped.names()
    assert len(mapped.names()) == 21


def test_a_mapped_donor_refuses_a_mapping_of_other_models(pair, build) -> None:
    mapping = map_parameters(*pair)
    with pytest.raises(MappingError, match="does not fit"):
        MappedDonor(mapping, pair[0], build("other", layouts.tiny_decoder()))


def test_segments_are_values() -> None:
    assert Segment("a", (0, 1)) == Segment("a", (0, 1), None)
    assert len({Segment("a"), Segment("a")}) == 1
