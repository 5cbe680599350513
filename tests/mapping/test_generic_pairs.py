"""Models that wrap a Llama-style decoder under some prefix: found by its pattern, without a table."""

import pytest

import layouts
from adamms.mapping import find_decoder, map_parameters

QWEN2_VL = "Qwen/Qwen2-VL-7B-Instruct"
MINICPM = "openbmb/MiniCPM-V-2_6"
MINICPM_LLAMA = "openbmb/MiniCPM-Llama3-V-2_5"
INTERNVL, INTERNVL_HF = "OpenGVLab/InternVL3-8B", "OpenGVLab/InternVL3-8B-hf"
ONEVISION, ONEVISION_HF = "lmms-lab/llava-onevision-qwen2-7b-ov", "llava-hf/llava-onevision-qwen2-7b-ov-hf"
QWEN25_VL = "Qwen/Qwen2.5-VL-7B-Instruct"
QWEN3_VL, ONEVISION_15 = "Qwen/Qwen3-VL-8B-Instruct", "lmms-lab/LLaVA-OneVision-1.5-8B-Instruct"
GEMMA, SMOLVLM = "google/gemma-3-4b-it", "HuggingFaceTB/SmolVLM2-2.2B-Instruct"
YI_VL, YI = "01-ai/Yi-VL-34B", "01-ai/Yi-34B"
LLAVA, LLAVA_HF, SHAREGPT4V = "liuhaotian/llava-v1.5-7b", "llava-hf/llava-1.5-7b-hf", "Lin-Chen/ShareGPT4V-7B"
VICUNA, LLAMA2 = "lmsys/vicuna-7b-v1.5", "meta-llama/Llama-2-7b-hf"

# (base, donor): merged, partly. A layer of Qwen2 has 12 tensors, of Llama 9, of Qwen3 11, of Gemma-3 13.
PAIRS = {
    (QWEN2_VL, MINICPM): (28 * 12 + 1, 2),
    (MINICPM, QWEN2_VL): (28 * 12 + 3, 0),
    (INTERNVL, INTERNVL_HF): (28 * 12 + 3, 0),
    (INTERNVL_HF, INTERNVL): (28 * 12 + 3, 0),
    (QWEN2_VL, INTERNVL_HF): (28 * 12 + 1, 2),
    (QWEN2_VL, QWEN25_VL): (28 * 12 + 3, 0),
    (QWEN25_VL, ONEVISION_HF): (28 * 12 + 3, 0),
    (ONEVISION, ONEVISION_HF): (28 * 12 + 3, 0),
    (QWEN3_VL, ONEVISION_15): (36 * 11 + 3, 0),
    (ONEVISION_15, QWEN3_VL): (36 * 11 + 3, 0),
    (GEMMA, GEMMA): (34 * 13 + 2, 0),
    (SMOLVLM, SMOLVLM): (24 * 9 + 3, 0),
    (YI_VL, YI): (60 * 9 + 3, 0),
    (LLAVA, LLAVA_HF): (32 * 9 + 3, 0),
    (LLAVA_HF, SHAREGPT4V): (32 * 9 + 1, 2),
    (MINICPM_LLAMA, MINICPM_LLAMA): (32 * 9 + 3, 0),
    # Plain language models as donors and as bases.
    (QWEN2_VL, "Qwen/Qwen2-7B-Instruct"): (28 * 12 + 3, 0),
    (ONEVISION_HF, "Qwen/Qwen2-7B"): (28 * 12 + 1, 2),
    ("Qwen/Qwen2-7B", QWEN2_VL): (28 * 12 + 3, 0),
    (LLAVA, VICUNA): (32 * 9 + 3, 0),
    (LLAMA2, LLAVA_HF): (32 * 9 + 3, 0),
}


@pytest.mark.parametrize(("base", "donor"), PAIRS)
def test_the_whole_decoder_is_mapped(model, base: str, donor: str) -> None:
    mapping = map_parameters(model(base), model(donor))
    totals = mapping.totals
    assert (totals.merged, totals.partly) == PAIRS[base, donor]
    assert totals.merged + totals.partly + totals.kept == len(model(base).tensors)
    # Only the same weight of the same layer: names agree from the layer on.
    for name, entry in mapping.tensors.items():
        if entry.segments and ".layers." in name:
            assert entry.status == "merged"
            assert [segment.donor.partition("layers.")[2] for segment in entry.segments] == [
                name.partition("layers.")[2]
            ]


@pytest.mark.parametrize("name", layouts.models())
def test_nothing_outside_the_decoder_is_a_slot(model, name: str) -> None:
    decoder = find_decoder(model(name))
    words = (
        "vis",
        "vpm",
        "tower",
        "projector",
        "resampler",
        "sampler",
        "merger",
        "mlp1",
        "inv_freq",
        "newline",
    )
    for place in decoder.places:
        inside = (
            place.tensor.removeprefix(decoder.prefix).replace("vision_expert", "").replace("vision_mlp", "")
        )
        assert not any(word in inside for word in words)
    unnamed = [tensor for tensor, what in decoder.outside.items() if what == "outside the language model"]
    assert unnamed == []


def test_kept_tensors_say_what_they_are(model) -> None:
    reasons = {
        (QWEN2_VL, "visual.blocks.0.attn.qkv.weight"): "vision encoder: stays the base's",
        (QWEN2_VL, "visual.merger.mlp.0.weight"): "projector: stays the base's",
        (ONEVISION, "model.image_newline"): "image newline or marker: stays the base's",
        (LLAVA, "model.layers.3.self_attn.rotary_emb.inv_freq"): "not a parameter (rotary inv_freq)",
        (MINICPM, "resampler.query"): "projector: stays the base's",
        ("nyu-visionx/cambrian-34b", "model.vision_sampler_layers.0.layers.0.norm.weight"): (
            "sampler inside the language model: stays the base's"
        ),
    }
    for (name, tensor), reason in reasons.items():
        assert map_parameters(model(name), model(name)).tensors[tensor].reason == reason


def test_inv_freq_is_not_demanded_from_the_donor_and_not_taken_from_it(model) -> None:
    # LLaVA-1.5 stores it, llava-hf does not.
    taken = map_parameters(model(LLAVA), model(LLAVA_HF))
    assert taken.tensors["model.layers.0.self_attn.rotary_emb.inv_freq"].status == "kept"
    given = map_parameters(model(LLAVA_HF), model(LLAVA))
    assert not any(
        "inv_freq" in segment.donor for entry in given.tensors.values() for segment in entry.segments
    )


@pytest.mark.parametrize(
    ("prefix", "head"),
    [
        ("", "lm_head.weight"),
        ("model.", "lm_head.weight"),
        ("llm.model.", "llm.lm_head.weight"),
        ("model.language_model.", "lm_head.weight"),
        ("a.b.language_model.model.", "a.b.language_model.lm_head.weight"),
    ],
)
def test_any_prefix(build, prefix: str, head: str) -> None:
    tensors = layouts.tiny_decoder(prefix, head=head)
    # A vision tower may use the very names of a decoder's layers; only a decoder embeds tokens.
    tower = {f"tower.{name}": info for name, info in layouts.tiny_decoder("").items() if "layers" in name}
    base = build("base", {**tower, **tensors})
    mapping = map_parameters(base, build("donor", layouts.tiny_decoder()))
    assert [name for name, entry in mapping.tensors.items() if entry.status == "merged"] == [*tensors]


def test_the_largest_of_two_language_models_is_meant(build) -> None:
    thinker = layouts.tiny_decoder("thinker.model.", head="thinker.lm_head.weight", hidden=16)
    talker = layouts.tiny_decoder("talker.model.", head=None)
    mapping = map_parameters(
        build("base", {**talker, **thinker}), build("donor", layouts.tiny_decoder(hidden=16))
    )
    assert [name for name, entry in mapping.tensors.items() if entry.segments] == [*thinker]
    assert mapping.tensors["talker.model.norm.weight"].reason == "second language model: stays the base's"


def test_biases_that_one_side_lacks(build) -> None:
    with_bias, without = (
        build("with", layouts.tiny_decoder(bias=True)),
        build("without", layouts.tiny_decoder()),
    )
    mapping = map_parameters(with_bias, without)
    entry = mapping.tensors["model.layers.0.self_attn.q_proj.bias"]
    assert (entry.status, entry.reason) == (
        "kept",
        "language model, attention.q.bias: no counterpart in the donor",
    )
    assert any("6 weights that only" in note and "stay as they are" in note for note in mapping.notes)
    reverse = map_parameters(without, with_bias)
    assert reverse.totals.kept == 0
    assert any("6 weights that only" in note and "are unused" in note for note in reverse.notes)
