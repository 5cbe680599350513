"""Segments of matrices: experts in stacks and one by one, transposed, in hand-written mappings too."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

import layouts
from adamms.checkpoints import Checkpoint
from adamms.errors import MappingError
from adamms.mapping import MappedDonor, ParameterMapping, grouped, inspect_checkpoint, map_parameters
from adamms.mapping import arranged_donor as arranged
from adamms.mapping.segments import Segment, source_of

HIDDEN, INNER, EXPERTS = 8, 3, 2
MLP = "model.layers.0.mlp."
STACK, DOWN = f"{MLP}experts.gate_up_proj", f"{MLP}experts.down_proj"


def mixture(*, stacked: bool, transposed: bool = False) -> layouts.Tensors:
    """A decoder of one layer whose MLP is a mixture."""
    tensors = {name: info for name, info in layouts.tiny_decoder(layers=1).items() if ".mlp." not in name}
    gate_up, down = (EXPERTS, 2 * INNER, HIDDEN), (EXPERTS, HIDDEN, INNER)
    if stacked:
        tensors[STACK] = ((gate_up[0], *gate_up[:0:-1]) if transposed else gate_up), "BF16"
        tensors[DOWN] = ((down[0], *down[:0:-1]) if transposed else down), "BF16"
    else:
        for expert in range(EXPERTS):
            for part, shape in (
                ("gate", (INNER, HIDDEN)),
                ("up", (INNER, HIDDEN)),
                ("down", (HIDDEN, INNER)),
            ):
                tensors[f"{MLP}experts.{expert}.{part}_proj.weight"] = shape, "BF16"
    return tensors | {f"{MLP}gate.weight": ((EXPERTS, HIDDEN), "BF16")}


def segments(mapping: ParameterMapping, name: str) -> list[dict[str, Any]]:
    return mapping.to_json()["tensors"][name]["segments"]


def expert(number: int, part: str) -> str:
    return f"{MLP}experts.{number}.{part}_proj.weight"


def test_a_stack_takes_every_expert(build) -> None:
    base, donor = build("base", mixture(stacked=True)), build("donor", mixture(stacked=False))
    mapping = map_parameters(base, donor)
    assert mapping.totals.kept == mapping.totals.partly == 0
    assert mapping.totals.parameters_merged == mapping.totals.parameters
    assert segments(mapping, STACK)[:2] == [
        {"donor": expert(0, "gate"), "base_rows": [0, INNER], "base_expert": 0},
        {"donor": expert(0, "up"), "base_rows": [INNER, 2 * INNER], "base_expert": 0},
    ]
    assert segments(mapping, DOWN) == [{"donor": expert(n, "down"), "base_expert": n} for n in range(EXPERTS)]


def test_a_transposed_stack_takes_columns(build) -> None:
    base = build("base", mixture(stacked=True, transposed=True))
    mapping = map_parameters(base, build("donor", mixture(stacked=False)))
    assert segments(mapping, STACK)[-1] == {
        "donor": expert(1, "up"),
        "base_expert": 1,
        "base_columns": [INNER, 2 * INNER],
        "transpose": True,
    }


def test_single_experts_take_their_part_of_a_stack(build) -> None:
    base = build("base", mixture(stacked=False))
    mapping = map_parameters(base, build("donor", mixture(stacked=True, transposed=True)))
    assert segments(mapping, expert(1, "up")) == [
        {"donor": STACK, "donor_expert": 1, "donor_columns": [INNER, 2 * INNER], "transpose": True}
    ]
    assert segments(mapping, expert(0, "down")) == [{"donor": DOWN, "donor_expert": 0, "transpose": True}]


@pytest.mark.parametrize("transposed", [False, True])
def test_stacks_alike_are_whole_tensors(build, transposed: bool) -> None:
    base, donor = (build(name, mixture(stacked=True, transposed=transposed)) for name in ("base", "donor"))
    mapping = map_parameters(base, donor)
    assert segments(mapping, STACK) == [{"donor": STACK}]
    assert segments(mapping, DOWN) == [{"donor": DOWN}]


def test_experts_are_one_row_for_people(build) -> None:
    base, donor = build("base", mixture(stacked=False)), build("donor", mixture(stacked=True))
    rows = [row for row in grouped(map_parameters(base, donor), base) if row.label.startswith("moe.*")]
    assert [(row.label, row.tensors, row.base, row.donor) for row in rows] == [
        (
            f"moe.*.{part}",
            EXPERTS,
            f"model.layers.*.mlp.experts.*.{part}_proj.weight",
            f"model.layers.*.mlp.experts.{source}",
        )
        for part, source in (
            ("down", "down_proj[*]"),
            ("gate", f"gate_up_proj[*, 0:{INNER}]"),
            ("up", f"gate_up_proj[*, {INNER}:{2 * INNER}]"),
        )
    ]
    roles = {slot.role: slot.count for slot in inspect_checkpoint(donor).slots}
    assert (roles["moe.*.gate"], roles["moe.*.down"], roles["moe.router"]) == (EXPERTS, EXPERTS, 1)


@pytest.mark.parametrize(
    ("segment", "text"),
    [
        (Segment("a"), "a"),
        (Segment("a", donor_rows=(0, 2)), "a[0:2]"),
        (Segment("a", donor_expert=3), "a[3]"),
        (Segment("a", donor_expert=3, donor_columns=(0, 2), transpose=True), "a[3, :, 0:2].T"),
        (Segment("a", base_expert=3, donor_rows=(1, 2)), "a[1:2]"),
    ],
)
def test_sources_for_people(segment: Segment, text: str) -> None:
    assert source_of(segment) == text


def test_it_is_read_back(build) -> None:
    base = build("base", mixture(stacked=True, transposed=True))
    donor = build("donor", mixture(stacked=False))
    mapping = map_parameters(base, donor)
    assert ParameterMapping.from_json(mapping.to_json(), base=base, donor=donor) == mapping


@pytest.mark.parametrize(
    ("name", "entry", "said"),
    [
        (STACK, [{"donor": expert(0, "gate"), "base_expert": 2}], "there is no expert 2 among the 2"),
        (
            STACK,
            [{"donor": expert(0, "gate"), "base_expert": 0}],
            "shapes differ: base (2, 6, 8) takes 6 rows",
        ),
        (
            STACK,
            [{"donor": expert(0, "gate"), "base_expert": 0, "base_rows": [0, 3]}],
            "some rows of expert 0 have no source",
        ),
        (
            STACK,
            [{"donor": expert(0, "gate"), "base_expert": 0, "base_rows": [0, 3]}] * 2,
            "areas of expert 0 overlap in rows [0, 3]",
        ),
        (
            STACK,
            [{"donor": expert(0, "gate"), "base_expert": 0, "base_rows": [4, 7]}],
            "rows [4, 7] do not lie within the 6 rows",
        ),
        (
            f"{MLP}gate.weight",
            [{"donor": f"{MLP}gate.weight", "donor_columns": [0, 4], "base_columns": [0, 4]}],
            "of rows [0, 2] some columns have no source",
        ),
        (
            f"{MLP}gate.weight",
            [{"donor": f"{MLP}gate.weight", "transpose": True}],
            "donor model.layers.0.mlp.gate.weight (2, 8) gives 2 and 8, before it is transposed",
        ),
        (STACK, [{"donor": expert(0, "gate"), "transpose": True}], "an expert must be named"),
        (STACK, [{"donor": "nothing", "base_expert": 0}], "there is no tensor nothing"),
        (
            "model.norm.weight",
            [{"donor": "model.norm.weight", "base_expert": 0}],
            "an expert is taken of a stack",
        ),
        (STACK, [{"donor": expert(0, "gate"), "base_expert": -1}], "expected the number of an expert"),
        (STACK, [{"donor": expert(0, "gate"), "transpose": 1}], "expected true or false"),
    ],
)
def test_what_does_not_fit_is_said(build, name: str, entry: list[dict[str, Any]], said: str) -> None:
    base, donor = build("base", mixture(stacked=True)), build("donor", mixture(stacked=False))
    document = map_parameters(base, donor).to_json()
    document["tensors"][name] = {"status": "merged", "reason": "", "segments": entry}
    with pytest.raises(MappingError) as raised:
        ParameterMapping.from_json(document, base=base, donor=donor)
    assert said in str(raised.value)


def test_experts_may_be_taken_from_others(build) -> None:
    """A hand-written mapping: expert 1 takes the donor's expert 0, expert 0 stays."""
    base, donor = build("base", mixture(stacked=True)), build("donor", mixture(stacked=True))
    document = map_parameters(base, donor).to_json()
    document["tensors"][STACK]["segments"] = [{"donor": STACK, "base_expert": 1, "donor_expert": 0}]
    mapping = ParameterMapping.from_json(document, base=base, donor=donor)
    assert mapping.tensors[STACK].status == "partly"
    (piece,) = MappedDonor(mapping, base, donor).pieces(STACK)
    assert piece.base_rows == piece.donor_rows == (1, 2)


class _Written:
    """A mixture's values on disk in three layouts, and MappedDonor's view of one from another."""

    def __init__(self, folder: Path) -> None:
        generator = torch.Generator().manual_seed(0)
        self.stacked = {
            name: torch.randn(shape, generator=generator).to(torch.bfloat16)
            for name, (shape, _) in mixture(stacked=True).items()
        }
        self.layouts = {"stacked": self.stacked}
        self.layouts["transposed"] = self.stacked | {
            name: self.stacked[name].transpose(1, 2).contiguous() for name in (STACK, DOWN)
        }
        single = {name: value for name, value in self.stacked.items() if name not in (STACK, DOWN)}
        for number in range(EXPERTS):
            gate, up = self.stacked[STACK][number].chunk(2)
            parts = {"gate": gate, "up": up, "down": self.stacked[DOWN][number]}
            single |= {expert(number, part): value.clone() for part, value in parts.items()}
        self.layouts["single"] = single
        self.opened: dict[str, Checkpoint] = {}
        for name, tensors in self.layouts.items():
            (folder / name).mkdir()
            save_file(tensors, folder / name / "model.safetensors")
            self.opened[name] = Checkpoint.open(folder / name)

    def seen(self, base: str, donor: str) -> MappedDonor:
        ours, theirs = self.opened[base], self.opened[donor]
        return MappedDonor(map_parameters(ours, theirs), ours, theirs)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> _Written:
    return _Written(tmp_path_factory.mktemp("mixtures"))


PAIRS = [(a, b) for a in ("stacked", "transposed", "single") for b in ("stacked", "transposed", "single")]


@pytest.mark.parametrize(("base", "donor"), PAIRS)
@pytest.mark.parametrize("band", [1, 20, 1 << 22])
def test_any_run_of_elements_is_the_bases_own(
    written: _Written, base: str, donor: str, band: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All layouts hold one model, so that the donor arranged as the base is the base, whatever is read."""
    monkeypatch.setattr(arranged, "BAND", band)
    seen = written.seen(base, donor)
    names = [name for name in written.layouts[base] if "experts" in name]

    @settings(deadline=None, max_examples=20)
    @given(st.sampled_from(names), st.data())
    def check(name: str, data: st.DataObject) -> None:
        (piece,) = seen.pieces(name)
        numel = written.layouts[base][name].numel()
        start = data.draw(st.integers(0, numel - 1))
        count = data.draw(st.integers(1, numel - start))
        buffer = bytearray(2 * count)
        assert seen.checkpoint.exact_dtype(piece.donor) == "BF16"
        offset = piece.donor_rows[0] * (numel // written.layouts[base][name].shape[0])
        seen.checkpoint.read_exact(piece.donor, memoryview(buffer), start=start + offset)
        values = torch.frombuffer(buffer, dtype=torch.bfloat16)
        assert torch.equal(values, written.layouts[base][name].reshape(-1)[start : start + count])

    check()


def test_parts_of_different_dtypes_are_read_in_one_that_holds_them(written: _Written, tmp_path: Path) -> None:
    mixed = {**written.layouts["single"], expert(0, "up"): written.layouts["single"][expert(0, "up")].half()}
    save_file(mixed, tmp_path / "model.safetensors")
    with Checkpoint.open(tmp_path) as donor:
        base = written.opened["transposed"]
        seen = MappedDonor(map_parameters(base, donor), base, donor)
        (piece,) = seen.pieces(STACK)
        assert seen.checkpoint.exact_dtype(piece.donor) == "F32"
        expected = written.layouts["transposed"][STACK].float()
        expected[0, :, INNER:] = mixed[expert(0, "up")].float().T
        assert torch.equal(seen.checkpoint.tensor(piece.donor), expected)
