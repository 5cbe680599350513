"""Pairs that cannot share a pretrained language model are refused, with names, shapes and counts."""

import pytest

import layouts
from adamms.errors import MappingError
from adamms.mapping import map_parameters

QWEN2_VL, LLAVA_HF = "Qwen/Qwen2-VL-7B-Instruct", "llava-hf/llava-1.5-7b-hf"


def refusal(base, donor, **options: str) -> str:
    with pytest.raises(MappingError) as caught:
        map_parameters(base, donor, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("base", "donor"),
    [
        (QWEN2_VL, LLAVA_HF),
        (QWEN2_VL, "Qwen/Qwen3-VL-8B-Instruct"),
        ("openbmb/MiniCPM-Llama3-V-2_5", "liuhaotian/llava-v1.5-7b"),
        ("openbmb/MiniCPM-Llama3-V-2_5", "openbmb/MiniCPM-V-2_6"),
        ("google/gemma-3-4b-it", "HuggingFaceTB/SmolVLM2-2.2B-Instruct"),
        ("THUDM/cogvlm-chat-hf", "01-ai/Yi-VL-34B"),
    ],
)
def test_strangers_among_the_real_models(model, base: str, donor: str) -> None:
    for message in (refusal(model(base), model(donor)), refusal(model(donor), model(base))):
        assert "These models do not share a pretrained language model" in message
        assert model(base).source in message
        assert model(donor).source in message
        assert len(message.splitlines()) < 20


def test_the_message_names_tensors_and_shapes_and_counts_the_rest(build) -> None:
    base, donor = (
        build("base", layouts.tiny_decoder()),
        build("donor", layouts.tiny_decoder("llm.model.", hidden=12)),
    )
    lines = refusal(base, donor).splitlines()
    assert lines[0] == "The language models differ at embed: base (20, 8), donor (20, 12)."
    assert lines[3] == ("The language models differ at layers 0-1, attention.q: base (8, 8), donor (12, 12).")
    assert lines[4] == f"  base   model.layers.0.self_attn.q_proj.weight       {base.source}"
    assert lines[5] == f"  donor  llm.model.layers.0.self_attn.q_proj.weight   {donor.source}"
    # Shown: embed, q, k. Not shown: v, o, three MLP, two norms in two layers, the last norm, the head.
    assert lines[-2] == "... and 16 more tensors of 9 kinds differ in shape."
    assert lines[-1].startswith("These models do not share")


def test_one_layer_that_differs(build) -> None:
    odd = layouts.tiny_decoder()
    odd["model.layers.1.mlp.up_proj.weight"] = ((15, 8), "BF16")
    message = refusal(build("base", layouts.tiny_decoder()), build("donor", odd))
    assert message.startswith("The language models differ at layer 1, mlp.up: base (16, 8), donor (15, 8).")


def test_depth(build) -> None:
    base, donor = (
        build("base", layouts.tiny_decoder(layers=3)),
        build("donor", layouts.tiny_decoder(layers=2)),
    )
    assert "differ in depth: base 3 layers" in refusal(base, donor)
    assert "differ in depth: base 2 layers" in refusal(donor, base)


def test_key_value_heads_by_shape(build) -> None:
    base, donor = build("base", layouts.tiny_decoder()), build("donor", layouts.tiny_decoder(key_values=8))
    assert "attention.k: base (4, 8), donor (8, 8)" in refusal(base, donor)


def test_heads_that_shapes_do_not_tell(build) -> None:
    def checkpoint(name: str, heads: int):
        return build(name, layouts.tiny_decoder(), config={"text_config": {"num_attention_heads": heads}})

    assert "differ in attention heads: base 4 " in refusal(checkpoint("base", 4), checkpoint("donor", 2))


def test_families_of_one_shape_are_told_apart_by_their_weights(build) -> None:
    # Mistral-7B and Llama-3-8B have the same decoder shapes; but so have Voxtral's `llama` and its Mistral.
    base = build("base", layouts.tiny_decoder(), config={"text_config": {"model_type": "mistral"}})
    donor = build("donor", layouts.tiny_decoder(), config={"architectures": ["LlavaLlamaForCausalLM"]})
    mapping = map_parameters(base, donor)
    assert mapping.totals.kept == 0
    assert any("differ in family (base mistral, donor llama)" in note for note in mapping.notes)


def test_a_norm_that_only_one_has(build) -> None:
    plain = layouts.tiny_decoder()
    normed = plain | {f"model.layers.{layer}.self_attn.q_norm.weight": ((4,), "BF16") for layer in range(2)}
    one, other = build("one", plain), build("other", normed)
    for message in (refusal(one, other), refusal(other, one)):
        assert "differ in family: model.layers.0.self_attn.q_norm.weight" in message


def test_a_decoder_that_is_mostly_something_else(build) -> None:
    dense = layouts.tiny_decoder()
    mixture = {
        name.replace("mlp.", f"mlp.experts.{expert}."): info
        for expert in range(2)
        for name, info in dense.items()
    }
    message = refusal(build("base", mixture), build("donor", dense))
    assert "Most of the base's decoder has no counterpart in the donor" in message
    assert "moe.*.gate" in message


def test_no_language_model_at_all(build) -> None:
    tower = {"encoder.layers.0.self_attn.q_proj.weight": ((8, 8), "F32")}
    message = refusal(build("base", tower), build("donor", layouts.tiny_decoder()))
    assert "No language model was found in" in message


@pytest.mark.parametrize("dtype", ["F8_E4M3", "I64"])
def test_quantised_weights(build, dtype: str) -> None:
    plain, quantised = build("a", layouts.tiny_decoder()), build("b", layouts.tiny_decoder(dtype=dtype))
    for message in (refusal(plain, quantised), refusal(quantised, plain)):
        assert dtype in message
        assert "unquantised original" in message


def test_unknown_readings(build) -> None:
    base = build("base", layouts.tiny_decoder())
    assert "--duplicates 'pair' is not one of: paired" in refusal(base, base, duplicates="pair")
    assert "--vocabulary 'all' is not one of: tokens" in refusal(base, base, vocabulary="all")


def gated(share_rows: int) -> layouts.Tensors:
    """A decoder with a gate of its own in every layer."""
    return layouts.tiny_decoder() | {
        f"model.layers.{layer}.self_attn.g_proj.weight": ((share_rows, 8), "BF16") for layer in range(2)
    }


def test_a_part_without_a_counterpart_is_refused_unless_allowed(build) -> None:
    base, donor = build("base", gated(8)), build("donor", layouts.tiny_decoder())
    message = refusal(base, donor)
    # Layers: 2 x (64 + 32 + 32 + 64 + 3 x 128 + 16) and the last norm; the gates are 2 x 64 more.
    assert f"{128 / (1192 + 128):.1%} of the language model of {base.source} (128 parameters" in message
    assert "self_attn.g_proj" in message
    assert "--allow-partial" in message
    assert "would be lost" in refusal(donor, base)
    mapping = map_parameters(base, donor, allow_partial=True)
    assert mapping.totals.kept == 2
    assert any("2 weights that only" in note and "stay as they are" in note for note in mapping.notes)
    assert mapping.share == pytest.approx(1 - 128 / mapping.totals.language_parameters)


@pytest.mark.parametrize("name", ["ln_extra.weight", "rms_1.weight", "mlp.ffn_gain_norm"])
def test_a_norm_under_an_unknown_name_counts_as_a_norm(build, name: str) -> None:
    plain = layouts.tiny_decoder()
    normed = plain | {f"model.layers.{layer}.{name}": ((8,), "BF16") for layer in range(2)}
    one, other = build("one", plain), build("other", normed)
    for message in (refusal(one, other), refusal(other, one)):
        assert f"differ in family: model.layers.0.{name}" in message


def test_molmo_2_is_no_olmo_2(build) -> None:
    base = build("base", layouts.tiny_decoder(), config={"text_config": {"model_type": "qwen3"}})
    donor = build("donor", layouts.tiny_decoder(), config={"text_config": {"model_type": "molmo2_text"}})
    assert not any("differ in family" in note for note in map_parameters(base, donor).notes)


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ({"hidden_act": "silu"}, {"hidden_act": "gelu"}, "activation: base silu"),
        ({"query_pre_attn_scalar": 256}, {"query_pre_attn_scalar": 168}, "attention scaling: base 256"),
        (
            {"model_type": "granite", "residual_multiplier": 0.22},
            {"model_type": "llama"},
            "residual multiplier: base 0.22 ",
        ),
        (
            {"model_type": "llama"},
            {"model_type": "granite", "logits_scaling": 8.0},
            "logits scaling: base 1.0 ",
        ),
        (
            {"model_type": "gemma3_text", "hidden_size": 8},
            {"model_type": "gemma3n_text", "hidden_size": 8},
            "norm convention: base 1 + w",
        ),
    ],
)
def test_equal_shapes_that_mean_something_else(build, ours: dict, theirs: dict, said: str) -> None:
    base, donor = (
        build(name, layouts.tiny_decoder(), config={"text_config": config})
        for name, config in (("base", ours), ("donor", theirs))
    )
    message = refusal(base, donor)
    assert f"The language models differ in {said}" in message
    assert "compute something else" in message


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (
            {"rope_theta": 1e4},
            {"rope_parameters": {"rope_theta": 1e6}},
            "rope_theta (base 10000, donor 1e+06)",
        ),
        ({"rms_norm_eps": 1e-6}, {"rms_norm_eps": 1e-5}, "norm epsilon (base 1e-06, donor 1e-05)"),
        (
            {"rope_theta": 1.0, "rope_scaling": {"type": "linear", "factor": 8.0}},
            {"rope_theta": 1.0},
            "rope scaling (base linear by 8, donor none)",
        ),
        ({"sliding_window": 512}, {"sliding_window": 1024}, "attention window (base 512, donor 1024)"),
    ],
)
def test_what_relatives_may_differ_in_is_said(build, ours: dict, theirs: dict, said: str) -> None:
    base, donor = (
        build(name, layouts.tiny_decoder(), config=config)
        for name, config in (("base", ours), ("donor", theirs))
    )
    assert any(said in note for note in map_parameters(base, donor).notes)


def test_settings_spelled_otherwise_are_the_same(build) -> None:
    old = {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "hidden_act": "swish", "use_sliding_window": False}
    old |= {"sliding_window": 512, "rope_scaling": {"type": "mrope", "mrope_section": [1, 1, 2]}}
    new = {
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 1e6},
            "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        },
        "hidden_act": "silu",
        "sliding_window": 4096,
    }
    base, donor = (
        build(name, layouts.tiny_decoder(), config=config) for name, config in (("base", old), ("donor", new))
    )
    assert not any("By their config.json" in note for note in map_parameters(base, donor).notes)
