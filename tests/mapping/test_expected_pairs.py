"""The pairs of the paper, tensor by tensor, against what was worked out by hand for each reading."""

import pytest

import layouts
from adamms.mapping import map_parameters

QWEN2_VL = "Qwen/Qwen2-VL-7B-Instruct"
ONEVISION = "lmms-lab/llava-onevision-qwen2-7b-si"
ONEVISION_HF = "llava-hf/llava-onevision-qwen2-7b-si-hf"
COGVLM, OWL = "THUDM/cogvlm-chat-hf", "MAGAer13/mplug-owl2-llama2-7b"
LLAVA, SHAREGPT4V = "liuhaotian/llava-v1.5-7b", "Lin-Chen/ShareGPT4V-7B"

READINGS = {"original": "section_3_1", "paired": "official_scripts", "matching": "appendix_b"}

PAIRS = (
    (QWEN2_VL, ONEVISION),
    (QWEN2_VL, ONEVISION_HF),
    (OWL, COGVLM),
    (OWL, LLAVA),
    (COGVLM, LLAVA),
    (LLAVA, OWL),
)

# (base, donor): merged, partly, kept, parameters merged, donor tensors used, unused; under each reading.
COUNTS = {
    (ONEVISION, QWEN2_VL, "original"): (339, 0, 426, 7_615_616_512, 339, 391),
    (ONEVISION, QWEN2_VL, "paired"): (339, 0, 426, 7_615_616_512, 339, 391),
    (COGVLM, OWL, "original"): (387, 0, 800, 13_214_420_992, 291, 591),
    (COGVLM, OWL, "paired"): (387, 0, 800, 13_214_420_992, 355, 527),
    (COGVLM, OWL, "matching"): (227, 32, 928, 7_812_157_440, 355, 527),
    (LLAVA, SHAREGPT4V, "paired"): (291, 0, 36, 6_738_415_616, 291, 36),
    (LLAVA, SHAREGPT4V, "matching"): (291, 0, 36, 6_738_415_616, 291, 36),
    ("nyu-visionx/cambrian-34b", "01-ai/Yi-VL-34B", "paired"): (543, 0, 450, 34_388_917_248, 543, 8),
}


@pytest.mark.parametrize("duplicates", READINGS)
@pytest.mark.parametrize(("base", "donor"), PAIRS)
def test_every_tensor_of_an_expected_pair(model, base: str, donor: str, duplicates: str) -> None:
    reading = READINGS[duplicates]
    if (donor, reading) == (ONEVISION, "official_scripts"):
        # That script leaves out embedding and head and shrinks them instead: a defect, not a mapping.
        reading = "section_3_1"
    expected = layouts.expected_pair(base, donor, reading)
    mapping = map_parameters(model(base), model(donor), duplicates=duplicates)
    tensors = mapping.to_json()["tensors"]
    assert {name: entry["segments"] for name, entry in tensors.items() if entry["segments"]} == expected[
        "map"
    ]
    totals = mapping.totals
    assert totals.merged + totals.partly == expected["mapped"]
    assert totals.partly == expected["mapped_only_in_part"]
    assert totals.kept == expected["untouched"]
    assert totals.parameters_merged == expected["mapped_params"]
    assert totals.donor_tensors_used == expected["donor_tensors_used"]
    assert totals.donor_tensors_unused == expected["donor_tensors_unused"]


@pytest.mark.parametrize(("base", "donor", "duplicates"), COUNTS)
def test_the_totals_of_a_pair(model, base: str, donor: str, duplicates: str) -> None:
    totals = map_parameters(model(base), model(donor), duplicates=duplicates).totals
    found = (totals.merged, totals.partly, totals.kept, totals.parameters_merged)
    assert (*found, totals.donor_tensors_used, totals.donor_tensors_unused) == COUNTS[base, donor, duplicates]


def test_every_base_tensor_has_one_status_and_a_reason(model) -> None:
    for base, donor in (*PAIRS, *((donor, base) for base, donor in PAIRS)):
        mapping = map_parameters(model(base), model(donor))
        assert list(mapping.tensors) == list(model(base).tensors)
        for entry in mapping.tensors.values():
            assert entry.reason
            assert (entry.status == "kept") == (not entry.segments)


def test_the_padded_vocabulary_of_llava_hf(model) -> None:
    # The converter appended 64 rows: the donor's are left out, the base's stay.
    taken = map_parameters(model(QWEN2_VL), model(ONEVISION_HF)).to_json()["tensors"]
    assert taken["lm_head.weight"]["status"] == "merged"
    assert taken["lm_head.weight"]["segments"] == [
        {"donor": "language_model.lm_head.weight", "donor_rows": [0, 152_064]}
    ]
    given = map_parameters(model(ONEVISION_HF), model(QWEN2_VL)).to_json()["tensors"]
    name = "language_model.model.embed_tokens.weight"
    assert given[name]["status"] == "partly"
    assert given[name]["segments"] == [{"donor": "model.embed_tokens.weight", "base_rows": [0, 152_064]}]
    assert "64 rows stay the base's" in given[name]["reason"]


def test_the_reverse_of_qwen2_vl_and_onevision_in_both_namings(model) -> None:
    for base, kept in ((ONEVISION, 426), (ONEVISION_HF, 426)):
        mapping = map_parameters(model(base), model(QWEN2_VL))
        prefix = "language_model." if base == ONEVISION_HF else ""
        for name, entry in mapping.tensors.items():
            if name.startswith(f"{prefix}model.layers."):
                assert [segment.donor for segment in entry.segments] == [name.removeprefix(prefix)]
        assert mapping.totals.kept == kept
        assert mapping.totals.merged + mapping.totals.partly == 339


@pytest.mark.parametrize("base", [QWEN2_VL, ONEVISION_HF])
def test_names_in_memory_are_found_too(model, build, base: str) -> None:
    config, tensors = layouts.read_layout(base)
    renamed = build("in-memory", layouts.in_memory_names(tensors), config=config)
    assert "model.language_model.layers.0.mlp.up_proj.weight" in renamed.tensors
    totals = map_parameters(renamed, model(base)).totals
    assert (totals.merged, totals.kept) == (339, len(tensors) - 339)
    back = map_parameters(model(base), renamed).totals
    assert (back.merged, back.parameters_merged) == (339, totals.parameters_merged)


def test_a_duplicate_says_what_it_took(model) -> None:
    def reason(duplicates: str) -> str:
        mapping = map_parameters(model(COGVLM), model(OWL), duplicates=duplicates)
        name = "model.layers.0.self_attn.vision_expert_query_key_value.weight"
        return mapping.tensors[name].reason

    assert "attention.q (vision duplicate) <- the donor's original" in reason("paired")
    assert "attention.k (vision duplicate) <- the donor's duplicate" in reason("paired")
    assert "attention.k (vision duplicate) <- the donor's original" in reason("original")
    assert "attention.q (vision duplicate): no duplicate in the donor" in reason("matching")


def test_only_some_rows_of_a_fused_duplicate_match(model) -> None:
    mapping = map_parameters(model(COGVLM), model(OWL), duplicates="matching")
    name = "model.layers.7.self_attn.vision_expert_query_key_value.weight"
    assert mapping.to_json()["tensors"][name]["segments"] == [
        {"donor": "model.layers.7.self_attn.k_proj.multiway.1.weight", "base_rows": [4096, 8192]},
        {"donor": "model.layers.7.self_attn.v_proj.multiway.1.weight", "base_rows": [8192, 12288]},
    ]


def test_a_model_onto_itself_takes_whole_tensors(model) -> None:
    # Fused rows that continue each other are one segment, and that segment is the whole tensor.
    mapping = map_parameters(model(COGVLM), model(COGVLM))
    assert mapping.totals.merged == 387
    for name, entry in mapping.tensors.items():
        assert [(segment.donor, segment.donor_rows) for segment in entry.segments] in ([], [(name, None)])
