"""`--exclude`: presets, layers and name patterns, on automatic and on edited mappings."""

import pytest

import layouts
from adamms.errors import MappingError
from adamms.mapping import ParameterMapping, exclude, map_parameters

COGVLM, OWL, LLAVA = "THUDM/cogvlm-chat-hf", "MAGAer13/mplug-owl2-llama2-7b", "liuhaotian/llava-v1.5-7b"
QWEN2_VL, ONEVISION = "Qwen/Qwen2-VL-7B-Instruct", "lmms-lab/llava-onevision-qwen2-7b-si"


def excluded(base, donor, *rules: str) -> list[str]:
    """The base tensors that the rules keep, and nothing else changes."""
    before = map_parameters(base, donor).tensors
    mapping = map_parameters(base, donor, exclude=rules)
    changed = [name for name, entry in mapping.tensors.items() if entry != before[name]]
    for name in changed:
        entry = mapping.tensors[name]
        assert (entry.status, entry.segments) == ("kept", ())
        assert entry.reason.removeprefix("excluded by the user: ") in rules
    kept = sum(entry.status == "kept" for entry in mapping.tensors.values())
    assert mapping.totals.kept == kept
    assert mapping.totals.donor_tensors_used == len(
        {segment.donor for entry in mapping.tensors.values() for segment in entry.segments}
    )
    return changed


@pytest.fixture
def pair(build):
    head = {"lm_head.bias": ((20,), "BF16")}
    normed = {f"model.layers.{layer}.self_attn.q_norm.weight": ((4,), "BF16") for layer in range(2)}
    base = layouts.tiny_decoder(bias=True) | head | normed | {"visual.norm.weight": ((8,), "BF16")}
    donor = layouts.tiny_decoder("llm.model.", head="llm.lm_head.weight", bias=True)
    donor |= {f"llm.{name}": info for name, info in (head | normed).items()}
    return build("base", base), build("donor", donor)


def test_norms(pair) -> None:
    layers = [
        f"model.layers.{layer}.{name}.weight"
        for layer in range(2)
        for name in ("input_layernorm", "post_attention_layernorm", "self_attn.q_norm")
    ]
    # Not the vision tower's: it is kept anyway, for its own reason.
    assert sorted(excluded(*pair, "norms")) == sorted([*layers, "model.norm.weight"])


def test_biases_embeddings_and_head(pair) -> None:
    assert sorted(excluded(*pair, "biases")) == sorted(
        name for name in pair[0].tensors if name.endswith("bias")
    )
    assert excluded(*pair, "embeddings") == ["model.embed_tokens.weight"]
    assert excluded(*pair, "lm_head") == ["lm_head.weight", "lm_head.bias"]
    assert len(excluded(*pair, "embeddings", "lm_head")) == 3


def test_layers(pair, model) -> None:
    assert all(name.startswith("model.layers.1.") for name in excluded(*pair, "layers=1"))
    assert len(excluded(*pair, "layers=1")) == 13
    assert len(excluded(*pair, "layers=0-1")) == 26
    real = excluded(model(QWEN2_VL), model(ONEVISION), "layers=0-3,27")
    assert sorted({int(name.split(".")[2]) for name in real}) == [0, 1, 2, 3, 27]
    assert len(real) == 5 * 12


def test_presets_know_fused_and_duplicated_weights(model) -> None:
    assert len(excluded(model(COGVLM), model(LLAVA), "norms")) == 65
    # Both ways: four norms a layer, and the last one.
    assert len(excluded(model(OWL), model(LLAVA), "norms")) == 32 * 4 + 1
    assert len(excluded(model(COGVLM), model(LLAVA), "layers=31")) == 12


def test_name_patterns(pair) -> None:
    assert excluded(*pair, "model.layers.0.mlp.up_proj.weight") == ["model.layers.0.mlp.up_proj.weight"]
    assert len(excluded(*pair, "*.mlp.*")) == 6
    assert len(excluded(*pair, "model.layers.?.self_attn.[qk]_proj.weight")) == 4


def test_rules_add_up_and_the_first_one_is_the_reason(pair) -> None:
    mapping = map_parameters(*pair, exclude=["*.mlp.*", "layers=0", "*.mlp.*"])
    assert mapping.tensors["model.layers.0.mlp.up_proj.weight"].reason == "excluded by the user: *.mlp.*"
    assert (
        mapping.tensors["model.layers.0.self_attn.q_proj.weight"].reason == "excluded by the user: layers=0"
    )
    assert mapping.tensors["model.layers.1.self_attn.q_proj.weight"].status == "merged"


@pytest.mark.parametrize("rule", ["visual.*", "biases"])
def test_what_changes_nothing_is_told(model, rule: str) -> None:
    base = model("llava-hf/llava-1.5-7b-hf" if rule == "biases" else QWEN2_VL)
    donor = model(LLAVA if rule == "biases" else ONEVISION)
    mapping = map_parameters(base, donor, exclude=[rule])
    assert f"--exclude {rule} changes nothing: what it names is kept anyway." in mapping.notes
    assert mapping.tensors == map_parameters(base, donor).tensors


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("norm", "neither a preset (norms, biases, embeddings, lm_head), nor layers=0-3,30"),
        ("*.up_prj.*", "no tensor of"),
        ("model.layers.9.mlp.up_proj.weight", "no tensor of"),
        ("layers=2", "are 0-1"),
        ("layers=0-7", "are 0-1"),
        ("layers=1-0", "are 0-1"),
        ("layers=", "numbers and ranges such as layers=0-3,30"),
        ("layers=a", "numbers and ranges"),
        ("layers=-1", "numbers and ranges"),
        ("", "neither a preset"),
    ],
)
def test_what_is_not_understood(pair, rule: str, said: str) -> None:
    with pytest.raises(MappingError) as caught:
        map_parameters(*pair, exclude=[rule])
    assert str(caught.value).startswith(f"--exclude {rule}: ")
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_all_problems_at_once(pair) -> None:
    with pytest.raises(MappingError) as caught:
        map_parameters(*pair, exclude=["norm", "norms", "layers=9", "no.such"])
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "--exclude norm",
        "--exclude layers=9",
        "--exclude no.such",
    ]


def test_a_layout_without_a_table_knows_names_only(build) -> None:
    base = build("base", {"h.0.fc": ((4, 4), "F32"), "h.1.fc": ((4, 4), "F32")})
    donor = build("donor", {"a": ((4, 4), "F32"), "b": ((4, 4), "F32")})
    data = {"tensors": {"h.0.fc": {"segments": [{"donor": "a"}]}, "h.1.fc": {"segments": [{"donor": "b"}]}}}
    mapping = ParameterMapping.from_json(data).check(base, donor)
    kept = exclude(mapping, ["h.1.*"], base=base, donor=donor)
    assert [entry.status for entry in kept.tensors.values()] == ["merged", "kept"]
    for rule in ("norms", "layers=0"):
        with pytest.raises(MappingError, match="no architecture table fits; name them instead"):
            exclude(mapping, [rule], base=base, donor=donor)
