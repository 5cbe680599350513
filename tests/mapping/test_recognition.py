"""A decoder is a numbered list of layers beside token embeddings, whatever its parts are called."""

import pytest

import layouts
from adamms.errors import MappingError
from adamms.mapping import find_decoder, inspect_checkpoint, map_parameters

H, V = (8, 8), (20, 8)
ATTENTION = ("q_proj", "k_proj", "v_proj")


def spelled(**shapes: tuple[int, ...]) -> layouts.Tensors:
    """Tensors of given shapes; `__` stands for a dot, `_N_` for the layers 0 and 1."""
    tensors: layouts.Tensors = {}
    for name, shape in shapes.items():
        for layer in (0, 1) if "_N_" in name else (0,):
            tensors[name.replace("_N_", f".{layer}.").replace("__", ".")] = (shape, "BF16")
    return tensors


TOWER = spelled(vision_model__encoder__layers_N_self_attn__q_proj__weight=H)

# What it is called: (the language model's tensors, what stands around it).
LAYOUTS: dict[str, tuple[layouts.Tensors, layouts.Tensors]] = {
    "OPT under BLIP-2": (
        spelled(
            language_model__model__decoder__embed_tokens__weight=V,
            language_model__model__decoder__embed_positions__weight=(12, 8),
            language_model__model__decoder__final_layer_norm__weight=(8,),
            language_model__model__decoder__final_layer_norm__bias=(8,),
            language_model__model__decoder__layers_N_self_attn__out_proj__weight=H,
            language_model__model__decoder__layers_N_self_attn_layer_norm__weight=(8,),
            language_model__model__decoder__layers_N_fc1__weight=(16, 8),
        ),
        {
            **TOWER,
            **spelled(
                qformer__embeddings__word_embeddings__weight=V,
                qformer__encoder__layer_N_output__dense__weight=H,
                language_projection__weight=H,
                query_tokens=(1, 4, 8),
            ),
        },
    ),
    "BERT as a decoder": (
        spelled(
            text_decoder__bert__embeddings__word_embeddings__weight=V,
            text_decoder__bert__embeddings__LayerNorm__weight=(8,),
            text_decoder__bert__encoder__layer_N_attention__self__query__weight=H,
            text_decoder__bert__encoder__layer_N_crossattention__self__query__weight=H,
            text_decoder__cls__predictions__bias=(20,),
            text_decoder__cls__predictions__transform__dense__weight=H,
        ),
        TOWER,
    ),
    "T5 with a page's layout": (
        spelled(
            shared__weight=V,
            encoder__block_N_layer__0__SelfAttention__q__weight=H,
            encoder__final_layer_norm__weight=(8,),
            decoder__block_N_layer__0__SelfAttention__q__weight=H,
            decoder__final_layer_norm__weight=(8,),
        ),
        spelled(
            encoder__cell_2d_embedding__x_position_embeddings__weight=V,
            patch_embed__proj__weight=(8, 3, 4, 4),
        ),
    ),
    "embeddings in the encoder, a tower beside them": (
        spelled(
            model__encoder__embed_tokens__weight=V,
            model__encoder__layers_N_mlp__up_proj__weight=(16, 8),
            model__encoder__norm__weight=(8,),
            model__decoder__layers_N_mlp__up_proj__weight=(16, 8),
            model__decoder__norm__weight=(8,),
        ),
        spelled(model__encoder__vision_tower__encoder__layers_N_mlp__fc1__weight=(16, 8)),
    ),
    "a decoder beside a vision encoder": (
        spelled(
            decoder__embed_tokens__weight=V,
            decoder__layer_N_self_attention__attention__query__weight=H,
            decoder__lm_head__weight=V,
        ),
        spelled(encoder__encoder__layer_N_attention__query__weight=H),
    ),
    "a list inside an encoder": (
        spelled(
            language_model__model__embed_tokens__weight=V,
            language_model__model__encoder__layers_N_self_attn__q_proj__weight=H,
            language_model__model__norm__weight=(8,),
        ),
        TOWER,
    ),
    "Mistral's own names, no prefix": (
        spelled(
            tok_embeddings__weight=V,
            layers_N_attention__wq__weight=H,
            layers_N_attention_norm__weight=(8,),
            norm__weight=(8,),
            output__weight=V,
        ),
        spelled(
            vision_encoder__transformer__layers_N_attention__wq__weight=H,
            blocks_N_attn__qkv__weight=(24, 8),
            patch_merger__merging_layer__weight=H,
        ),
    ),
    "Mamba": (
        spelled(
            language_model__backbone__embeddings__weight=V,
            language_model__backbone__layers_N_mixer__A_log=(4,),
            language_model__backbone__layers_N_mixer__in_proj__weight=(24, 8),
            language_model__backbone__norm_f__weight=(8,),
            language_model__lm_head__weight=V,
        ),
        spelled(mlp1__0__weight=(8,)),
    ),
    "parts beside the list": (
        spelled(
            model__language_model__embed_tokens__weight=V,
            model__language_model__embed_tokens_per_layer__weight=V,
            model__language_model__altup_projections_N_weight=H,
            model__language_model__layers_N_self_attn__q_proj__weight=H,
        ),
        spelled(model__embed_vision__embedding__weight=(4, 8)),
    ),
    "a list under a name of its own": (
        spelled(
            gpt__wte__weight=V,
            gpt__stack_N_attn__qkv__weight=(24, 8),
            gpt__stack_N_attn__out__weight=H,
            gpt__stack_N_mlp__in__weight=H,
            gpt__stack_N_mlp__out__weight=H,
        ),
        TOWER,
    ),
    "a mixture with linear attention": (
        spelled(
            model__embed_tokens__weight=V,
            model__layers_N_linear_attn__A_log=(4,),
            model__layers_N_linear_attn__conv1d__weight=(8, 1, 4),
            model__layers_N_mlp__gate__e_score_correction_bias=(2,),
            model__layers_N_mlp__shared_experts__up_proj__weight=H,
            model__layers_N_self_attn__kv_a_proj_with_mqa__weight=H,
            model__layers_N_self_attn__sinks=(4,),
        ),
        spelled(model__sam_model__blocks_N_attn__qkv__weight=(24, 8), model__projector__layers__weight=H),
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_all_of_the_language_model_is_mapped_and_nothing_around_it(build, name: str) -> None:
    language, around = LAYOUTS[name]
    model = build("model", {**around, **language})
    mapping = map_parameters(model, model)
    assert [tensor for tensor, entry in mapping.tensors.items() if entry.segments] == [*language]
    assert all(
        [segment.donor for segment in entry.segments] == [tensor]
        for tensor, entry in mapping.tensors.items()
        if entry.segments
    )
    found = inspect_checkpoint(model).language_model
    assert found is not None
    assert (found.layers, found.parameters) == (2, mapping.totals.parameters_merged)


def renamed(tensors: layouts.Tensors, *changes: tuple[str, str]) -> layouts.Tensors:
    new: layouts.Tensors = {}
    for name, info in tensors.items():
        for old, other in changes:
            name = name.replace(old, other)
        new[name] = info
    return new


def test_spellings_of_one_role_map_onto_each_other(build) -> None:
    plain = layouts.tiny_decoder()
    mistral = renamed(
        layouts.tiny_decoder("", head="output.weight"),
        ("embed_tokens", "tok_embeddings"),
        ("self_attn.q_proj", "attention.wq"),
        ("self_attn.k_proj", "attention.wk"),
        ("self_attn.v_proj", "attention.wv"),
        ("self_attn.o_proj", "attention.wo"),
        ("input_layernorm", "attention_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("mlp.gate_proj", "feed_forward.w1"),
        ("mlp.down_proj", "feed_forward.w2"),
        ("mlp.up_proj", "feed_forward.w3"),
    )
    mapping = map_parameters(build("plain", plain), build("mistral", mistral))
    assert mapping.totals.kept == mapping.totals.partly == 0
    taken = {name: entry.segments[0].donor for name, entry in mapping.tensors.items()}
    assert taken["model.layers.1.mlp.up_proj.weight"] == "layers.1.feed_forward.w3.weight"
    assert taken["lm_head.weight"] == "output.weight"


def test_molmo_stores_up_before_gate(build) -> None:
    fused: layouts.Tensors = {}
    for name, (shape, dtype) in layouts.tiny_decoder().items():
        if "gate_proj" in name:
            fused[name.replace("gate_proj", "ff_proj")] = ((2 * shape[0], shape[1]), dtype)
        elif "up_proj" not in name:
            fused[name] = (shape, dtype)
    entry = map_parameters(build("fused", fused), build("plain", layouts.tiny_decoder())).tensors[
        "model.layers.0.mlp.ff_proj.weight"
    ]
    assert [(segment.donor, segment.base_rows) for segment in entry.segments] == [
        ("model.layers.0.mlp.up_proj.weight", (0, 16)),
        ("model.layers.0.mlp.gate_proj.weight", (16, 32)),
    ]


def test_counters_inside_layers_are_no_parameters(build) -> None:
    tensors = layouts.tiny_decoder() | {"model.layers.0.ple.offsets": ((4,), "I64")}
    model = build("model", tensors)
    assert map_parameters(model, model).tensors["model.layers.0.ple.offsets"].reason == (
        "not a parameter (whole numbers): stays the base's"
    )


def test_adapters_stay_and_the_weights_that_they_wrap_are_merged(build) -> None:
    plain = layouts.tiny_decoder()
    wrapped = renamed(plain, ("q_proj.weight", "q_proj.base_layer.weight")) | {
        "model.layers.0.self_attn.q_proj.lora_A.speech.weight": ((2, 8), "BF16"),
        "model.layers.0.self_attn.q_proj.lora_B.speech.weight": ((8, 2), "BF16"),
    }
    mapping = map_parameters(build("wrapped", wrapped), build("plain", plain))
    assert mapping.totals.kept == 2
    adapter = mapping.tensors["model.layers.0.self_attn.q_proj.lora_A.speech.weight"]
    assert adapter.reason == "adapter inside the language model: stays the base's"
    assert any("2 tensors under model. of" in note and "are not understood" in note for note in mapping.notes)


def test_what_lies_under_the_prefix_and_is_not_understood_is_said(build) -> None:
    odd = {
        "model.strange.deep.0.weight": ((8, 8), "BF16"),
        "model.visual.blocks.0.weight": ((8, 8), "BF16"),
    }
    model = build("model", layouts.tiny_decoder() | odd)
    decoder = find_decoder(model)
    sentence = (
        f"1 tensors under model. of {model.source} (64 parameters, {64 / decoder.parameters:.1%} of the "
        "language model's number) are not understood as parts of it and count as outside: "
        "model.strange.deep.*.weight."
    )
    assert sentence in inspect_checkpoint(model).notes
    assert sentence in map_parameters(model, model).notes


# Inserted layers


def mllama(layers: int = 2) -> layouts.Tensors:
    """A decoder of `layers` layers with a cross-attention layer before the last."""
    tensors: layouts.Tensors = {}
    for name, info in layouts.tiny_decoder("language_model.model.", layers=layers + 1).items():
        crossing = f".{layers - 1}." in name
        if crossing and "self_attn" in name:
            name = name.replace("self_attn", "cross_attn")
        tensors[name] = info
    tensors[f"language_model.model.layers.{layers - 1}.cross_attn_attn_gate"] = ((1,), "BF16")
    return tensors


def test_layers_that_attend_to_images_are_not_the_ancestors(build) -> None:
    llama, base = build("llama", layouts.tiny_decoder()), build("mllama", mllama())
    assert find_decoder(base).layers == 2
    mapping = map_parameters(base, llama)
    taken = {name: entry.segments[0].donor for name, entry in mapping.tensors.items() if entry.segments}
    assert taken["language_model.model.layers.0.mlp.up_proj.weight"] == "model.layers.0.mlp.up_proj.weight"
    assert taken["language_model.model.layers.2.mlp.up_proj.weight"] == "model.layers.1.mlp.up_proj.weight"
    assert not any(".layers.1." in name for name in taken)
    back = map_parameters(llama, base)
    assert back.totals.kept == 0
    assert back.tensors["model.layers.1.self_attn.q_proj.weight"].segments[0].donor == (
        "language_model.model.layers.2.self_attn.q_proj.weight"
    )


def test_two_models_with_inserted_layers_merge_all_of_them(build) -> None:
    base, donor = build("base", mllama()), build("donor", mllama())
    assert map_parameters(base, donor).totals.kept == 0


def test_a_decoder_as_deep_as_one_with_inserted_layers_is_a_stranger(build) -> None:
    with pytest.raises(MappingError, match=r"differ in depth: base 3 layers .* donor 2 layers"):
        map_parameters(build("llava", layouts.tiny_decoder(layers=3)), build("mllama", mllama()))


def test_a_list_of_cross_attention_beside_the_layers(build) -> None:
    inserted = {
        name.replace("model.layers", "model.gated_cross_attn_layers"): info
        for name, info in layouts.tiny_decoder(layers=1).items()
        if "layers" in name
    }
    idefics, llama = layouts.tiny_decoder() | inserted, layouts.tiny_decoder()
    base, donor = build("idefics", idefics), build("llama", llama)
    assert map_parameters(base, base).totals.kept == 0
    mapping = map_parameters(base, donor)
    assert [name for name, entry in mapping.tensors.items() if not entry.segments] == [*inserted]
    assert map_parameters(donor, base).totals.kept == 0


def test_a_layer_that_predicts_further_tokens_is_no_layer_of_the_decoder(build) -> None:
    with_head = layouts.tiny_decoder(layers=3) | {"model.layers.2.eh_proj.weight": ((8, 16), "BF16")}
    base, donor = build("with", with_head), build("without", layouts.tiny_decoder())
    mapping = map_parameters(base, donor)
    assert [name for name, entry in mapping.tensors.items() if not entry.segments] == [
        name for name in base.tensors if ".layers.2." in name
    ]
    assert map_parameters(base, base).totals.kept == 0
