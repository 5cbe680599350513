"""Tables: how a tensor's name in a layer becomes slots, and how fused rows are divided."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import layouts
from adamms.errors import MappingError
from adamms.mapping import architectures, find_decoder, map_parameters
from adamms.mapping.architecture import Table, fused_rows, text, vision


def test_a_star_carries_its_number_into_the_role() -> None:
    table = Table(
        "t", marks=(), layer={"experts.*.up": text("moe.*.up"), "experts.0.down": vision("special")}
    )
    assert table.parts("experts.12.up") == text("moe.12.up")
    assert table.parts("experts.0.down") == vision("special")
    assert table.parts("experts.x.up") == ()
    assert table.parts("experts.1.2.up") == ()


def test_every_tables_marks_are_among_its_own_names() -> None:
    assert len(architectures.tables()) >= 3
    for table in architectures.tables():
        assert all(mark in table.layer for mark in table.marks)


@pytest.mark.parametrize(
    ("config", "rows", "expected"),
    [
        ({"num_attention_heads": 4}, 24, ((0, 8), (8, 16), (16, 24))),
        ({"num_attention_heads": 4, "num_key_value_heads": 1}, 24, ((0, 16), (16, 20), (20, 24))),
    ],
)
def test_fused_attention_is_divided_by_heads(config: dict, rows: int, expected: tuple) -> None:
    parts = text("attention.q", "attention.k", "attention.v")
    assert fused_rows(parts, rows, config=config, tensor="qkv") == expected


def test_other_fused_roles_have_equal_shares() -> None:
    assert fused_rows(text("mlp.gate", "mlp.up"), 10, config={}, tensor="x") == ((0, 5), (5, 10))


def test_fused_attention_without_or_with_wrong_heads() -> None:
    parts = text("attention.q", "attention.k", "attention.v")
    with pytest.raises(MappingError, match="does not say num_attention_heads"):
        fused_rows(parts, 24, config={}, tensor="qkv")
    with pytest.raises(MappingError, match="qkv has 25 rows, which do not divide into 4:4:4"):
        fused_rows(parts, 25, config={"num_attention_heads": 4}, tensor="qkv")


def phi3(**config: int) -> layouts.Tensors:
    """A decoder that stores [Q;K;V] and [gate;up] fused."""
    tensors = layouts.tiny_decoder()
    fused: layouts.Tensors = {}
    for name, info in tensors.items():
        if "q_proj" in name:
            fused[name.replace("q_proj", "qkv_proj")] = ((16, 8), "BF16")
        elif "gate_proj" in name:
            fused[name.replace("gate_proj", "gate_up_proj")] = ((32, 8), "BF16")
        elif not any(part in name for part in ("k_proj", "v_proj", "up_proj")):
            fused[name] = info
    return fused


def test_fused_and_unfused_decoders_map_onto_each_other(build) -> None:
    config = {"num_attention_heads": 4, "num_key_value_heads": 2}
    fused, plain = (
        build("fused", phi3(), config=config),
        build("plain", layouts.tiny_decoder(), config=config),
    )
    mapping = map_parameters(fused, plain)
    assert mapping.totals.kept == mapping.totals.partly == 0
    layer = "model.layers.1"
    assert mapping.to_json()["tensors"][f"{layer}.self_attn.qkv_proj.weight"]["segments"] == [
        {"donor": f"{layer}.self_attn.q_proj.weight", "base_rows": [0, 8]},
        {"donor": f"{layer}.self_attn.k_proj.weight", "base_rows": [8, 12]},
        {"donor": f"{layer}.self_attn.v_proj.weight", "base_rows": [12, 16]},
    ]
    back = map_parameters(plain, fused)
    assert back.totals.kept == back.totals.partly == 0
    assert back.to_json()["tensors"][f"{layer}.mlp.up_proj.weight"]["segments"] == [
        {"donor": f"{layer}.mlp.gate_up_proj.weight", "donor_rows": [16, 32]}
    ]


def test_a_mixture_of_experts_maps_expert_by_expert(build) -> None:
    tensors: layouts.Tensors = {}
    for name, info in layouts.tiny_decoder().items():
        if ".mlp." in name:
            for expert in range(12):
                tensors[name.replace("mlp.", f"mlp.experts.{expert}.")] = info
            tensors[name.split(".mlp.")[0] + ".mlp.gate.weight"] = ((12, 8), "BF16")
        else:
            tensors[name] = info
    mapping = map_parameters(build("base", tensors), build("donor", tensors))
    assert mapping.totals.merged == len(tensors)
    for name, entry in mapping.tensors.items():
        assert [segment.donor for segment in entry.segments] == [name]


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("THUDM/cogvlm-chat-hf", "CogVLM"),
        ("MAGAer13/mplug-owl2-llama2-7b", "mPLUG-Owl2"),
        ("Qwen/Qwen2-VL-7B-Instruct", "Llama-style decoder"),
    ],
)
def test_the_table_is_chosen_by_names_not_by_config(model, build, name: str, table: str) -> None:
    assert find_decoder(model(name)).table.name == table
    config, tensors = layouts.read_layout(name)
    heads = {"num_attention_heads": config["num_attention_heads"]}
    assert find_decoder(build("renamed", tensors, config=heads)).table.name == table


class _Installed:
    """An entry point of a package that is not there."""

    def __init__(self, value: object) -> None:
        self.name, self.value, self._value = "strange", "somewhere:TABLE", value

    def load(self) -> object:
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[object], None]]:
    """A function that adds what another package would register."""
    ours = tuple(architectures.entry_points(group=architectures.GROUP))

    def install(value: object) -> None:
        architectures.tables.cache_clear()
        monkeypatch.setattr(architectures, "entry_points", lambda group: (*ours, _Installed(value)))

    yield install
    architectures.tables.cache_clear()


def test_every_table_of_ours_is_registered_as_another_packages_would_be() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][architectures.GROUP] == {
        name: f"{architectures.__name__}.{value}" for name, value in architectures.OURS.items()
    }


def test_a_table_of_another_package_is_taken_as_ours_are(build, installed) -> None:
    installed(
        Table(
            "Strange",
            marks=("self_attn.q_proj", "image.q_proj"),
            layer={"image.q_proj": vision("attention.q"), "self_attn.q_proj": text("attention.q")},
        )
    )
    copies = {f"model.layers.{layer}.image.q_proj.weight": ((8, 8), "BF16") for layer in range(2)}
    base = build("base", layouts.tiny_decoder() | copies)
    decoder = find_decoder(base)
    assert decoder.table.name == "Strange"
    assert [place.tensor for place in decoder.places if place.slot.is_duplicate] == [*copies]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            ImportError("no module named x"),
            "cannot be loaded: no module named x; mend or uninstall",
        ),
        ("a string", r"'strange' \(somewhere:TABLE\) is a str, not an adamms.mapping.architecture.Table"),
    ],
)
def test_what_another_package_registers_wrongly_is_said(installed, value: object, said: str) -> None:
    installed(value)
    with pytest.raises(MappingError, match=said):
        architectures.tables()
