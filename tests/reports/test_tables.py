"""The terminal's tables: what they say, at 80 columns, without anything cut off."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from adamms.checkpoints import Checkpoint
from adamms.mapping import inspect_checkpoint, map_parameters
from adamms.reports.selection_tables import candidates_table, signals_table
from adamms.reports.tables import inspection_tables, mapping_tables, mapping_totals
from adamms.responses import Response, Responses
from adamms.searching import select


def printed(*renderables: Any, width: int = 80) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False)
    for renderable in renderables:
        console.print(renderable)
    return file.getvalue().splitlines()


def test_a_row_a_candidate_with_the_chosen_one_marked(responses: Responses) -> None:
    selection = select(responses)

    lines = printed(candidates_table(selection))

    assert max(map(len, lines)) <= 80
    headings = next(line for line in lines if "alpha" in line and "status" in line)
    assert headings.split() == ["alpha", "differences", "to", "previous", "to", "next", "status"]
    chosen = [line for line in lines if line.endswith(" chosen" + " " * (len(line) - len(line.rstrip())))]
    assert len(chosen) == 1
    assert chosen[0].split()[:2] == ["»", f"{selection.selected:g}"]
    assert any("0.6" in line and "disqualified: of 40 answers 40 are" in line for line in lines)
    assert any(line.split()[:1] == ["0"] and "end of the grid, not scored" in line for line in lines)
    assert not any("accuracy" in line for line in lines)


def test_accuracies_are_marked_as_not_used(responses: Responses) -> None:
    selection = select(responses)

    text = "\n".join(printed(candidates_table(selection, accuracy=dict.fromkeys(responses, 0.625))))

    assert "(not used)" in text
    assert text.count("62.5%") == len(responses)


def test_every_signal_is_a_row_with_its_choice_marked() -> None:
    table = {
        index / 10: {
            id_: Response(id_, index / 10, "x" if index < 5 else id_, confidence=0.5 + index / 20)
            for id_ in "abc"
        }
        for index in range(7)
    }
    selection = select(table, rule="confidence")

    lines = printed(signals_table(selection), candidates_table(selection))

    assert max(map(len, lines)) <= 80
    rows = {line.split()[0]: line.split() for line in lines if line.split()}
    assert rows["previous"][1:4] == ["–", "*.000", ".000"]
    assert "*.800" in next(line for line in lines if "» confidence" in line)
    assert rows["first-token-entropy"][1:3] == ["not", "computable:"]
    # Every candidate is scored by this rule, the ends too.
    assert not any("not scored" in line for line in lines)


def test_many_candidates_show_the_choices_alone() -> None:
    table = {index / 100: {"a": Response("a", index / 100, "x")} for index in range(31)}

    lines = printed(signals_table(select(table)))

    assert max(map(len, lines)) <= 80
    assert any(line.split() == ["»", "sum", "0.01", "–"] for line in lines)
    assert any(line.split() == ["previous", "0.01", "–"] for line in lines)


def test_a_tie_is_shown() -> None:
    table = {alpha: {"a": Response("a", alpha, "x")} for alpha in (0.0, 0.1, 0.2, 0.3)}

    lines = printed(candidates_table(select(table)))

    assert any("tied, larger alpha" in line for line in lines)


def test_answers_in_reasons_are_no_markup_and_no_control_codes() -> None:
    table = {
        alpha: {
            str(i): Response(str(i), alpha, f"{i}" if alpha < 0.3 else "[red]x[/red]\x1b[31m")
            for i in range(10)
        }
        for alpha in (0.0, 0.1, 0.2, 0.3, 0.4)
    }

    text = "\n".join(printed(candidates_table(select(table)), width=200))

    assert "[red]x[/red]" in text
    assert "\x1b" not in text


def test_a_mapping_is_totals_then_groups_over_layers_then_what_is_kept(run_dir: Path) -> None:
    folder = run_dir.parent
    with Checkpoint.open(folder / "base") as base, Checkpoint.open(folder / "donor") as donor:
        mapping = map_parameters(base, donor)
        totals = printed(mapping_totals(mapping))
        lines = printed(*mapping_tables(mapping, base))

    assert totals[0] == "Mapping base <- donor"
    assert (
        totals[1]
        == f"  {mapping.totals.merged} tensors merged, 0 in part, {mapping.totals.kept} kept from the base"
    )
    assert lines[: len(totals)] == totals
    assert max(map(len, lines)) <= 80
    query = next(line.split() for line in lines if "attention.q " in line)
    assert query == ["attention.q", "0-1", "2", "512", "self_attn.q_proj.weight"]
    assert any("donor layers: language_model.model.layers.*" in line for line in lines)
    merged, kept = (
        next(i for i, line in enumerate(lines) if line.startswith(title)) for title in ("Merged", "Kept")
    )
    vision = next(i for i, line in enumerate(lines) if "vision encoder" in line)
    assert merged < kept < vision
    assert "base's" in lines[vision]


def test_an_inspection_shows_what_a_checkpoint_is(run_dir: Path) -> None:
    with Checkpoint.open(run_dir.parent / "base") as base:
        lines = printed(*inspection_tables(inspect_checkpoint(base)), width=100)

    text = "\n".join(lines)
    assert "Qwen2VLForConditionalGeneration (qwen2_vl)" in text
    assert "2 layers, width 16, 4 heads (2 for keys and values)" in " ".join(text.split())
    assert next(line.split() for line in lines if "mlp.down" in line) == [
        "mlp.down", "0-1", "2", "16", "×", "24", "768",
    ]  # fmt: skip
    assert "vision encoder" in text
    assert "BF16" in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_long_names_fold_and_are_never_cut_off(run_dir: Path, width: int) -> None:
    folder = run_dir.parent
    with Checkpoint.open(folder / "base") as base, Checkpoint.open(folder / "donor") as donor:
        lines = printed(*mapping_tables(map_parameters(base, donor), base), width=width)

    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= width
