"""The comparison as it is printed: marks, rounding, alignment, and names that could break a format."""

import csv

from rich.console import Console

from adamms.evaluation.score_summaries import summed_gains
from adamms.evaluation.score_table import ScoreTable, make_scores, score_table
from adamms.reports.score_tables import score_csv, score_latex, score_markdown, score_text
from paper_tables import derived

SMALL: dict[str, list[float | None]] = {
    "ours": [46.375, 80],
    "base": [50.1, 60],
    "donor": [40, None],
    "ties": [44, 64.9],
}


def table(rows: dict[str, list[float | None]] = SMALL, tasks: tuple[str, ...] = ("a", "b")) -> ScoreTable:
    return score_table(make_scores("base", "donor", tasks, rows))


def text(made: ScoreTable) -> list[str]:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(score_text(made))
    return [line.rstrip() for line in capture.get().splitlines() if line.strip()]


def test_markdown_sets_cells_as_the_paper_does() -> None:
    assert score_markdown(table()).splitlines() == [
        "| model | a | b | SUM | Top2 |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| base (base) | *50.10* | 60.00 | 110.10 |  |",
        "| donor (donor) | 40.00 | – | – |  |",
        "| ours | **46.38** (+1.32) | **80.00** | **126.38** | 3 |",
        "| ties | <ins>44.00</ins> (-1.05) | <ins>64.90</ins> | <ins>108.90</ins> | 3 |",
    ]


def test_latex_is_balanced_and_escaped() -> None:
    rows = {"base": [1.0], "donor": [2.0], "50% of A_B & {C}\\~^#$": [3.0]}
    latex = score_latex(table(rows, ("MMMU_val",)))

    assert r"MMMU\_val" in latex
    name = r"50\% of A\_B \& \{C\}\textbackslash{}\textasciitilde{}\textasciicircum{}\#\$"
    assert rf"{name} & \textbf{{3.00}}\,{{\scriptsize($+1.50$)}} & \textbf{{3.00}}" in latex
    assert latex.replace(r"\{", "").replace(r"\}", "").count("{") == latex.replace(r"\{", "").replace(
        r"\}", ""
    ).count("}")
    columns = [
        line.count(" & ") for line in latex.splitlines() if line.endswith(r"\\") and "multicolumn" not in line
    ]
    assert columns == [3, 3, 3, 3]
    assert r"\begin{tabular}{lrrr}" in latex


def test_markdown_names_cannot_leave_their_cell() -> None:
    rows = {"base": [1.0], "donor": [2.0], "a|b\n<img src=x> *x* `y`": [3.0]}

    line = score_markdown(table(rows, ("t",))).splitlines()[-1]

    assert line.startswith(r"| a\|b \<img src=x\> \*x\* \`y\` | ")


def test_a_spreadsheet_holds_exact_numbers() -> None:
    lines = list(csv.DictReader(score_csv(table()).splitlines()))

    assert [line["model"] for line in lines] == ["base", "donor", "ours", "ties"]
    assert lines[2] == {
        "model": "ours",
        "a": "46.375",
        "a gain": "1.325",
        "b": "80",
        "b gain": "",
        "SUM": "126.375",
        "SUM gain": "",
        "Top2": "3",
    }


def test_text_stands_in_columns_without_colour() -> None:
    lines = text(table())

    assert lines[0].split() == ["a", "b", "SUM", "Top2"]
    assert lines[2].split() == ["base", "(base)", "50.10^", "60.00", "110.10"]
    assert lines[3].split() == ["donor", "(donor)", "40.00", "–", "–"]
    assert lines[4].split() == ["ours", "46.38**", "80.00**", "126.38**", "3"]
    assert lines[5].split() == ["+1.32"]
    assert lines[4].index(".38") == lines[5].index(".32")
    assert lines[2].index(".10^") == lines[4].index(".38**")
    assert "second best" in lines[-1]


def test_markup_in_names_is_text() -> None:
    rows = {"base": [1.0], "donor": [2.0], "[red]ours[/nothing]": [3.0]}

    assert "[red]ours[/nothing]" in "\n".join(text(table(rows, ("[b]t",))))


def test_a_table_of_sums_has_no_parents_and_no_gains_of_its_own() -> None:
    summed = summed_gains([derived("1"), derived("2")])
    lines = text(summed)

    assert "added up" in lines[-1]
    assert not any("base" in line for line in lines)
    assert "Original" not in score_latex(summed)
    assert score_markdown(summed).splitlines()[2].startswith("| Task Arithmetic | ")
