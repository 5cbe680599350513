"""Discovery finds by weights what the tables know by name: every tensor, its rows, and its duplicates."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

import grown_layouts as grown
from adamms.checkpoints import Checkpoint
from adamms.errors import MappingError
from adamms.mapping import ParameterMapping, find_decoder, map_parameters
from adamms.mapping.discovered_mapping import discover_mapping
from adamms.mapping.discovery import Discovery, discover
from adamms.zoo import shipped_pair

FAMILIES = ("llava", "cogvlm", "mplug_owl2")


def opened(folder: Path, weights: grown.Weights) -> Checkpoint:
    return Checkpoint.open(grown.write(folder, weights))


def found(discovery: Discovery, names: dict[str, str]) -> dict[tuple[str, tuple[int, int]], object]:
    return {(names[finding.tensor], finding.rows): finding.slot for finding in discovery.findings}


def known(folder: Path, weights: grown.Weights) -> dict[tuple[str, tuple[int, int]], object]:
    """What the architecture's table says."""
    return {(place.tensor, place.rows): place.slot for place in find_decoder(opened(folder, weights)).places}


@pytest.fixture
def reference(tmp_path: Path) -> Checkpoint:
    return opened(tmp_path / "reference", grown.llava())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("with_ancestor", [False, True])
def test_a_scrambled_layout_is_recognised_whole(
    tmp_path: Path, reference: Checkpoint, family: str, with_ancestor: bool
) -> None:
    """By the other parent or by the ancestor; the tower, the projector and buffers are not taken for it."""
    weights = getattr(grown, family)(seed=4)
    scrambled, names = grown.scrambled(weights)
    if with_ancestor:
        reference = opened(tmp_path / "theta", grown.ancestor())
    discovery = discover(opened(tmp_path / "unknown", scrambled), reference)
    assert found(discovery, names) == known(tmp_path / "known", weights)
    for finding in discovery.findings:
        assert finding.similarity > 0.9
        assert finding.confidence > 0.5
    assert not [note for note in discovery.notes if "not found" in note or "the other way round" in note]


@pytest.mark.parametrize("reference", ["cogvlm", "mplug_owl2"])
def test_a_reference_with_duplicates_serves_as_well(tmp_path: Path, reference: str) -> None:
    scrambled, names = grown.scrambled(grown.mplug_owl2(seed=4))
    known_model = opened(tmp_path / "reference", getattr(grown, reference)())
    discovery = discover(opened(tmp_path / "unknown", scrambled), known_model)
    assert found(discovery, names) == known(tmp_path / "known", grown.mplug_owl2(seed=4))


def unlike_llama(name: str) -> str:
    """The same model as a code base of its own would call it."""
    for old, new in (
        ("model.layers", "lm.blocks"),
        ("self_attn", "attn"),
        ("_proj", ""),
        ("embed_tokens", "wte"),
        ("input_layernorm", "ln_1"),
        ("post_attention_layernorm", "ln_2"),
    ):
        name = name.replace(old, new)
    return name


def test_an_unknown_naming_of_a_llama_style_decoder(tmp_path: Path, reference: Checkpoint) -> None:
    weights = grown.llava(seed=4)
    renamed = {unlike_llama(name): value for name, value in weights.items()}
    names = {unlike_llama(name): name for name in weights}
    assert "lm.blocks.0.attn.q.weight" in renamed
    discovery = discover(opened(tmp_path / "unknown", renamed), reference)
    assert found(discovery, names) == known(tmp_path / "known", weights)


def test_fused_rows_in_any_order_and_number(tmp_path: Path, reference: Checkpoint) -> None:
    weights = grown.llava(seed=4)
    at = "model.layers.1."
    attention = [weights.pop(f"{at}self_attn.{name}_proj.weight") for name in "vqk"]
    mlp = [weights.pop(f"{at}mlp.{name}_proj.weight") for name in ("up", "gate")]
    weights |= {"a": np.concatenate(attention), "b": np.concatenate(mlp)}
    findings = discover(opened(tmp_path / "unknown", weights), reference).findings
    roles = {name: [(f.slot.role, f.rows) for f in findings if f.tensor == name] for name in "ab"}
    assert roles == {
        "a": [("attention.v", (0, 64)), ("attention.q", (64, 128)), ("attention.k", (128, 192))],
        "b": [("mlp.up", (0, 96)), ("mlp.gate", (96, 192))],
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_unrelated_weights_give_nothing_and_it_is_said(
    tmp_path: Path, reference: Checkpoint, family: str
) -> None:
    scrambled, _ = grown.scrambled(getattr(grown, family)(seed=4, grown_from=7))
    with pytest.raises(MappingError, match=r"Nothing in .* is like the language model's weights") as caught:
        discover(opened(tmp_path / "unknown", scrambled), reference)
    assert re.search(r"with a cosine of 0\.\d\d", str(caught.value))


def test_weights_of_zeros_and_nans_are_like_nothing(tmp_path: Path, reference: Checkpoint) -> None:
    weights = {name: value * 0 for name, value in grown.llava().items()}
    weights |= {
        "nan": np.full((64, 64), np.nan, dtype=np.float32),
        "ids": np.arange(64),
        "scalar": np.float32(3),
    }
    weights = {name: np.asarray(value) for name, value in weights.items()}
    with pytest.raises(MappingError, match="Nothing in"):
        discover(opened(tmp_path / "unknown", weights), reference)


def test_layers_decide_together_where_names_agree(tmp_path: Path, reference: Checkpoint) -> None:
    """In one layer the duplicate happens to be nearer to the reference; the other two outvote it."""
    weights = grown.mplug_owl2(seed=4)
    one, other = (f"model.layers.1.self_attn.k_proj.multiway.{way}.weight" for way in (0, 1))
    weights[one], weights[other] = weights[other], weights[one]
    renamed = {unlike_llama(name): value for name, value in weights.items()}
    discovery = discover(opened(tmp_path / "unknown", renamed), reference)
    experts = {f.tensor: f.slot.expert for f in discovery.findings if f.slot.role == "attention.k"}
    assert experts == {
        f"lm.blocks.{layer}.attn.k.multiway.{way}.weight": expert
        for layer in range(grown.LAYERS)
        for way, expert in ((0, "text"), (1, "vision"))
    }


def test_two_equal_copies_are_called_doubtful(tmp_path: Path, reference: Checkpoint) -> None:
    weights = {unlike_llama(name): value for name, value in grown.llava(seed=4).items()}
    weights |= {f"copy.{name}": value for name, value in weights.items() if "attn.k" in name}
    (note,) = discover(opened(tmp_path / "unknown", weights), reference).notes
    assert note.startswith("3 weights (attention.k) are found 2 times: ")
    assert "they may be the other way round" in note


def test_a_slot_that_is_hardly_unlike_another_is_told(tmp_path: Path) -> None:
    twins = grown.ancestor()
    twins["model.layers.1.mlp.up_proj.weight"] = twins["model.layers.0.mlp.up_proj.weight"] + np.float32(
        0.005
    )
    renamed = {unlike_llama(name): value for name, value in twins.items()}
    (note,) = discover(opened(tmp_path / "unknown", renamed), opened(tmp_path / "reference", twins)).notes
    assert note.startswith("2 findings have a confidence below 0.05, the least lm.blocks.")


def test_a_table_stored_twice_and_what_is_missing_are_told(tmp_path: Path, reference: Checkpoint) -> None:
    weights = {unlike_llama(name): value for name, value in grown.llava(seed=4).items()}
    weights["lm_head.weight"] = 1.01 * weights["model.wte.weight"] + np.float32(1e-3)
    discovery = discover(opened(tmp_path / "unknown", weights), reference)
    assert "lm_head.weight" not in {finding.tensor for finding in discovery.findings}
    assert discovery.notes == (
        "lm_head.weight is like the embed as well as model.wte.weight: it stays as it is.",
        "Of the reference's 30 weights, 1 not found: head (1).",
    )


@pytest.mark.parametrize(
    ("unknown", "reference"), [("base", "donor"), ("donor", "base"), ("base", "pretrained")]
)
def test_trained_models_are_recognised_as_well(tmp_path: Path, unknown: str, reference: str) -> None:
    """The shipped pair: grouped-query attention, biases, and norms that training moved a little only."""
    folders = {"base": shipped_pair().base, "donor": shipped_pair().donor}
    folders["pretrained"] = folders["base"].parent / "pretrained"
    stored = load_file(folders[unknown] / "model.safetensors")
    scrambled, names = grown.scrambled({name: value.float().numpy() for name, value in stored.items()})
    config = json.loads((folders[unknown] / "config.json").read_text())
    model = Checkpoint.open(grown.write(tmp_path / "unknown", scrambled, config=config))
    expected = find_decoder(Checkpoint.open(folders[unknown])).places
    discovery = discover(model, Checkpoint.open(folders[reference]))
    assert found(discovery, names) == {(place.tensor, place.rows): place.slot for place in expected}
    assert discovery.notes == ()


@pytest.mark.parametrize("unknown", ["cogvlm", "mplug_owl2"])
@pytest.mark.parametrize("reference", ["pretrained", "donor"])
def test_trained_duplicates_are_told_apart_where_names_have_a_structure(
    tmp_path: Path, unknown: str, reference: str
) -> None:
    """Every part of every name is replaced, layers' numbers too: what is left tells what belongs together.

    Training left single duplicates nearer to the reference than their originals (the last layer's were
    never trained), so tensor by tensor some would be taken for one another.
    """
    pair = shipped_pair(f"{unknown}-llava")
    stored = {
        name: value.float().numpy() for name, value in load_file(pair.base / "model.safetensors").items()
    }
    words = {word: f"w{hash_of(word)}" for name in stored for word in name.split(".")}
    renamed = {".".join(words[word] for word in name.split(".")): name for name in stored}
    config = json.loads((pair.base / "config.json").read_text())
    folder = grown.write(
        tmp_path / "unknown", {new: stored[old] for new, old in renamed.items()}, config=config
    )
    with Checkpoint.open(folder) as model, Checkpoint.open(getattr(pair, reference)) as relative:
        recognised = found(discover(model, relative), renamed)
    with Checkpoint.open(pair.base) as original:
        assert recognised == {(at.tensor, at.rows): at.slot for at in find_decoder(original).places}


def hash_of(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()[:6]


@pytest.mark.parametrize("duplicates", ["paired", "original", "matching"])
# The mapping that follows


@pytest.mark.parametrize(
    ("base", "donor"), [("cogvlm", "llava"), ("cogvlm", "mplug_owl2"), ("mplug_owl2", "cogvlm")]
)
@pytest.mark.parametrize("unknown", ["base", "donor", "both"])
def test_the_mapping_is_the_one_that_names_give(
    tmp_path: Path, base: str, donor: str, unknown: str, duplicates: str
) -> None:
    sides = {"base": getattr(grown, base)(seed=4), "donor": getattr(grown, donor)(seed=5)}
    plain = {side: opened(tmp_path / f"{side}-known", weights) for side, weights in sides.items()}
    names = {side: {name: name for name in weights} for side, weights in sides.items()}
    models = dict(plain)
    for side in sides if unknown == "both" else (unknown,):
        scrambled, names[side] = grown.scrambled(sides[side])
        models[side] = opened(tmp_path / f"{side}-unknown", scrambled)
    theta = opened(tmp_path / "theta", grown.ancestor())
    result = discover_mapping(
        models["base"],
        models["donor"],
        reference=theta if unknown == "both" else None,
        duplicates=duplicates,
        vocabulary="rows",
    )
    expected = map_parameters(plain["base"], plain["donor"], duplicates=duplicates, vocabulary="rows")
    assert {
        names["base"][name]: [
            (names["donor"][segment.donor], segment.donor_rows, segment.base_rows)
            for segment in entry.segments
        ]
        for name, entry in result.mapping.tensors.items()
    } == {
        name: [(segment.donor, segment.donor_rows, segment.base_rows) for segment in entry.segments]
        for name, entry in expected.tensors.items()
    }
    assert result.mapping.totals == expected.totals
    assert len(result.discoveries) == (2 if unknown == "both" else 1)
    for entry in result.mapping.tensors.values():
        assert ("found by weights: similarity 0.9" in entry.reason) == bool(entry.segments)


def test_the_result_is_an_ordinary_mapping(tmp_path: Path, reference: Checkpoint) -> None:
    scrambled, names = grown.scrambled(grown.cogvlm(seed=4))
    unknown = opened(tmp_path / "unknown", scrambled)
    mapping = discover_mapping(unknown, reference, exclude=["norms", "layers=2"]).mapping
    data = json.loads(json.dumps(mapping.to_json()))
    assert ParameterMapping.from_json(data, base=unknown, donor=reference) == mapping
    kept = [names[name] for name, entry in mapping.tensors.items() if entry.reason.startswith("excluded")]
    assert sorted(kept) == sorted(
        name
        for name in names.values()
        if ("model.layers.2." in name and "inv_freq" not in name)
        or (name.endswith("norm.weight") and "vision" not in name)
    )
    with pytest.raises(MappingError, match=r"No language model was found .* --discover"):
        map_parameters(unknown, reference)


def test_known_layouts_need_no_discovery(tmp_path: Path, reference: Checkpoint) -> None:
    base = opened(tmp_path / "base", grown.cogvlm())
    result = discover_mapping(base, reference)
    assert result.discoveries == ()
    assert result.mapping.tensors == map_parameters(base, reference).tensors
    assert "nothing had to be discovered" in result.mapping.notes[0]


def test_a_part_of_the_decoder_that_its_table_does_not_know_is_found(
    tmp_path: Path, reference: Checkpoint
) -> None:
    """A Llama with experts for images under names of their own: names tell half, weights the rest."""
    weights, far = grown.llava(seed=4), grown.cogvlm(seed=5)
    weights |= {
        f"model.layers.{layer}.image_mlp.{name}": far[
            f"model.layers.{layer}.mlp.vision_mlp.{name}_proj.weight"
        ]
        for layer in range(grown.LAYERS)
        for name in ("gate", "up", "down")
    }
    base = opened(tmp_path / "base", weights)
    expert = "model.layers.1.image_mlp.up"
    assert map_parameters(base, reference).tensors[expert].status == "kept"
    entry = discover_mapping(base, reference).mapping.tensors[expert]
    assert [segment.donor for segment in entry.segments] == ["model.layers.1.mlp.up_proj.weight"]
    assert "<- the donor's original" in entry.reason


def test_two_unknown_layouts_are_found_in_each_other(tmp_path: Path) -> None:
    """Two relatives under different meaningless names, and no third model: nobody is sent away."""
    (base, ours), (donor, theirs) = (grown.scrambled(grown.llava(seed=seed)) for seed in (3, 4))
    one, two = opened(tmp_path / "one", base), opened(tmp_path / "two", donor)
    mapping = discover_mapping(one, two).mapping
    matrices = {new: old for new, old in ours.items() if "layers" in old and "proj" in old}
    assert len(matrices) == 7 * grown.LAYERS
    for new, old in matrices.items():
        assert [theirs[segment.donor] for segment in mapping.tensors[new].segments] == [old]
    assert "Neither layout is known" in mapping.notes[0]
    assert mapping.share is not None


def with_stacked_experts(weights: grown.Weights) -> grown.Weights:
    """Two experts a layer in the place of its MLP, stacked."""
    stacked = dict(weights)
    for name in weights:
        if name.endswith("mlp.gate_proj.weight"):
            mlp = name.removesuffix("gate_proj.weight")
            gate, up, down = (stacked.pop(f"{mlp}{part}_proj.weight") for part in ("gate", "up", "down"))
            both = np.concatenate([gate, up])
            stacked[f"{mlp}experts.gate_up_proj"] = np.stack([both, both])
            stacked[f"{mlp}experts.down_proj"] = np.stack([down, down])
    return stacked


def test_stacked_experts_of_the_reference_are_not_looked_for_and_it_is_said(tmp_path: Path) -> None:
    reference = opened(tmp_path / "reference", with_stacked_experts(grown.llava()))
    unknown = opened(tmp_path / "unknown", grown.scrambled(with_stacked_experts(grown.llava(seed=4)))[0])
    for base, donor in ((unknown, reference), (reference, unknown)):
        mapping = discover_mapping(base, donor).mapping
        assert mapping.totals.merged
        assert any("moe.*.gate" in note and "of its language model" in note for note in mapping.notes)
        # What was not recognised in the base is not counted, so neither is all of it.
        assert (mapping.share is None) == (base is unknown)
        assert mapping.share is None or mapping.share < 0.9


def test_what_is_needed_is_said(tmp_path: Path, reference: Checkpoint) -> None:
    one, two = (opened(tmp_path / name, grown.scrambled(grown.llava())[0]) for name in ("one", "two"))
    with pytest.raises(MappingError, match="No language model was found in"):
        discover_mapping(one, reference, reference=two)
