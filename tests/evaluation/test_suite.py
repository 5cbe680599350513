"""The paper's suite: what it says of each benchmark, and rows read from the harnesses' own files."""

import json
from pathlib import Path

import pytest

from adamms.errors import EvaluationError
from adamms.evaluation.score_files import read_scores
from adamms.evaluation.suite import PAPER, suite
from adamms.evaluation.suite_results import lmms_eval_row, paper_row, table_input, vlmevalkit_row
from paper_tables import PAPER as FIGURES

# The shape of lmms-eval 0.7.3's results.json, with Qwen2-VL's figures of Table 1.
LMMS_EVAL = {
    "results": {
        "mmmu_val": {"alias": "mmmu_val", "mmmu_acc,none": 0.50111, "mmmu_acc_stderr,none": "N/A"},
        "mme": {"mme_perception_score,none": 1665.32, "mme_cognition_score,none": 615.0},
        "seedbench": {"seed_image,none": 0.76, "seed_video,none": 0.5, "seed_all,none": 0.7585},
        "ocrbench": {"ocrbench_accuracy,none": 0.86},
        "textvqa_val": {"exact_match,none": 0.8412, "submission,none": None},
        "ok_vqa": {"alias": "ok_vqa", " ": " "},
        "ok_vqa_val2014": {"exact_match,none": 0.5143},
        "gqa": {"exact_match,none": 0.618},
        "vizwiz_vqa_val": {"exact_match,none": 0.6832},
    }
}


def test_the_suite_is_the_columns_of_the_papers_tables() -> None:
    assert [each.name for each in suite() if each.in_sum] == FIGURES["tasks"]
    assert suite() is PAPER
    with pytest.raises(EvaluationError, match="no suite 'mine'"):
        suite("mine")


def test_who_measured_what_as_in_appendix_c() -> None:
    with_vlmevalkit = [each.name for each in PAPER if each.harness_for("qwen2_vl") == "vlmevalkit"]

    assert with_vlmevalkit == ["MMMU_val", "MME_sum", "SeedBench_all", "OCRBench", "TextVQA_val", "ScienceQA"]
    assert {each.harness_for("cogvlm") for each in PAPER} == {"lmms-eval"}
    for each in PAPER:
        for architecture in ("qwen2_vl", "llava"):
            assert each.source(each.harness_for(architecture)) is not None


def test_the_prompt_of_table_7() -> None:
    altered = {each.name: each.prompt_for("llava") for each in PAPER if each.altered_prompt}

    assert altered == {"OKVQA": "\nAnswer the question using a single word or phrase."}
    (okvqa,) = [each for each in PAPER if each.altered_prompt]
    assert okvqa.prompt_for("mplug_owl2") == okvqa.prompt_for("llava")
    assert okvqa.prompt_for("qwen2_vl") is None


def test_a_row_from_lmms_eval() -> None:
    row = lmms_eval_row(LMMS_EVAL)

    assert row == {
        "MMMU_val": 50.111,
        "MME_sum": 81.44,
        "SeedBench_all": 75.85,
        "OCRBench": 86.0,
        "TextVQA_val": 84.12,
        "OKVQA": 51.43,
        "GQA": 61.8,
        "VizWiz_val": 68.32,
        "ScienceQA": None,
    }


def test_older_spellings_and_halves_of_a_sum() -> None:
    old = {"results": {"mme": {"mme_percetion_score,none": 1400, "mme_cognition_score,none": 280}}}
    half = {"results": {"mme": {"mme_perception_score,none": 1400}}}

    assert lmms_eval_row(old)["MME_sum"] == 60.0
    assert lmms_eval_row(half)["MME_sum"] is None
    with pytest.raises(EvaluationError, match="no results of lmms-eval"):
        lmms_eval_row({"mme": {}})


def write_vlmevalkit(folder: Path) -> list[Path]:
    texts = {
        "M_MMMU_DEV_VAL_acc.csv": '"split","Overall","Art"\n"dev","0.6","0.1"\n"validation","0.5011","0.2"\n',
        "M_MME_score.csv": '"perception","reasoning","OCR"\n"1665.32","615.0","150"\n',
        "M_SEEDBench_IMG_acc.csv": '"split","Overall"\n"none","0.7585"\n',
        "M_OCRBench_score.json": json.dumps({"Final Score": 860, "Final Score Norm": 86.0}),
        "M_TextVQA_VAL_acc.csv": '"Overall"\n"84.12"\n',
        "M_MMMU_DEV_VAL.xlsx": "answers, not scores",
        "M_MMBench_acc.csv": "another benchmark",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return sorted(folder.iterdir())


def test_a_row_from_vlmevalkit(tmp_path: Path) -> None:
    row = vlmevalkit_row(write_vlmevalkit(tmp_path))

    assert {name: score for name, score in row.items() if score is not None} == {
        "MMMU_val": 50.11,
        "MME_sum": 81.44,
        "SeedBench_all": 75.85,
        "OCRBench": 86.0,
        "TextVQA_val": 84.12,
    }


def test_result_files_that_do_not_do(tmp_path: Path) -> None:
    files = write_vlmevalkit(tmp_path)
    (tmp_path / "N_OCRBench_score.json").write_text("{}", encoding="utf-8")
    with pytest.raises(EvaluationError, match="both results on OCRBench"):
        vlmevalkit_row(sorted(tmp_path.iterdir()))
    (tmp_path / "M_OCRBench_score.json").write_text("{", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"M_OCRBench_score\.json cannot be read"):
        vlmevalkit_row(files)
    (tmp_path / "M_MMMU_DEV_VAL_acc.csv").write_text("split,Overall\ndev,0.5\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match="no line for the split validation"):
        vlmevalkit_row([tmp_path / "M_MMMU_DEV_VAL_acc.csv"])


def test_the_papers_row_takes_each_score_from_the_harness_it_used(tmp_path: Path) -> None:
    kit = dict.fromkeys(lmms_eval_row(LMMS_EVAL), -1.0)
    rows = {"lmms-eval": lmms_eval_row(LMMS_EVAL), "vlmevalkit": kit}

    assert paper_row(rows, "llava") == rows["lmms-eval"]
    row = paper_row(rows, "qwen2_vl")
    assert row["OCRBench"] == -1.0
    assert row["GQA"] == 61.8
    assert paper_row({"lmms-eval": rows["lmms-eval"]}, "qwen2_vl")["OCRBench"] is None


def test_rows_become_the_tables_input(tmp_path: Path) -> None:
    row = lmms_eval_row(LMMS_EVAL)
    other = {**row, "GQA": None, "VizWiz_val": None, "ScienceQA": 80.0}
    nothing_on_gqa = {**row, "GQA": None}
    data = table_input({"Q": nothing_on_gqa, "L": other, "ours": nothing_on_gqa}, base="Q", donor="L")

    assert data["tasks"] == [task for task in FIGURES["tasks"] if task != "GQA"]
    assert data["rows"]["L"][-1] is None
    (tmp_path / "scores.json").write_text(json.dumps(data), encoding="utf-8")
    assert read_scores(tmp_path / "scores.json").tasks == tuple(data["tasks"])
