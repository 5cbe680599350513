"""The sections of docs/real-pair.md about a sample and about lmms-eval."""

from collections.abc import Mapping
from typing import Any

from proving_ground.real_pair.behind import ALIGNED
from proving_ground.real_pair.markdown import table
from proving_ground.real_pair.siblings import SIBLINGS

Results = Mapping[str, Any]


def sample_section(sample: Results | None) -> str:
    """Return what the merges asked on a sample said, and language models behind aligned projectors."""
    if sample is None:
        return ""
    merges, behind, lost = [], [], dict[bool, list[str]]()
    for name, row in sample["rows"].items():
        folder, setting = name.split("/")
        gain, error = row["over_base"]
        cells = [f"{row['base']:.1f}", f"{row['mean']:.1f}", f"{gain:+.1f} ± {error:.1f}"]
        if folder == ALIGNED:
            language, family = setting.split("-behind-")
            place = "its own family's" if SIBLINGS[language].family == family else f"{family}'s"
            lost.setdefault(SIBLINGS[language].family == family, []).append(f"{-gain:.1f}")
            behind.append([language, place, *cells])
        else:
            same = row["same_as_published"]
            merges.append(
                [
                    folder.replace("--", " <- "),
                    f"`{setting}`",
                    *cells,
                    "" if same is None else f"{same:.0f} %",
                ]
            )
    parts = [
        f"""## On a sample

{sample["questions"]} questions ({sample["a_task"]} a task, seeded), asked on a CPU in float32.
Means over the eight tasks; ± is the standard error of the paired difference to the base's
published answers: two of them are needed to say anything. `same` is the share of answers that are the
published ones to the letter, where the same merge was published: what the machine and its precision change.
"""
    ]
    if merges:
        heads = ["base <- donor", "merge", "base", "merged", "over the base", "same"]
        parts.append(table(heads, merges, left=2))
    if behind:
        heads = ["language model of", "behind the aligned projector", "with its own", "so", "difference"]
        parts.append(
            f"""Where the knowledge sits: a sibling's language model behind a projector of the first
stage, which was aligned with theta_0 and never tuned with it.
Points lost behind the own family's: {" and ".join(lost.get(True, []))}; behind
another family's: {" and ".join(lost.get(False, []))}.

{table(heads, behind, left=2)}"""
        )
    return "\n".join(parts)


def harness_section(harness: Results | None) -> str:
    """Return lmms-eval's scores beside ours."""
    if harness is None:
        return ""
    rows = [
        [task, row["questions"], f"{row['lmms_eval']:.1f}", f"{row['ours']:.1f}", row["same_answers"]]
        for task, row in harness["tasks"].items()
    ]
    return f"""## lmms-eval on the same questions

`{harness["model"]}` asked by lmms-eval through `--model adamms`, on local parquet files that
`python -m proving_ground.real_pair.harness tasks` writes; its `exact_match`, and our score of the published
answers to the same questions ([how](how-to/evaluate-with-lmms-eval-and-vlmevalkit.md)).

{table(["", "questions", "lmms-eval", "ours", "same answers"], rows)}"""
