"""The section of docs/real-pair.md about merges along alpha, and its drawing."""

from collections.abc import Mapping
from typing import Any

from proving_ground.many.records import CANDIDATES
from proving_ground.paper.drawing import drawing
from proving_ground.real_pair.markdown import table

Results = Mapping[str, Any]
DRAWING = "real-pair.svg"
METHODS = ("task_arithmetic", "ties")


def curves_section(results: Results) -> str:
    """Return the scores along alpha, the baselines, and where a task gained."""
    rows = []
    for pair, curve in results["curves"].items():
        base, donor = pair.split("--")
        baselines = [f"{curve['others'][m]['mean']:.1f}" if m in curve["others"] else "" for m in METHODS]
        best = curve["best_fixed"]
        gain = best["over_base"]
        rows.append(
            [
                f"{base} <- {donor}",
                results["about"]["kinds"][pair],
                *(f"{v:.1f}" for v in curve["mean"]),
                f"{curve['donor']:.1f}",
                *baselines,
                f"{curve['alphas'][best['place']]:g}: {gain[0]:+.1f} ± {gain[1]:.1f}",
                f"{curve['best_of_tasks'] - curve['mean'][0]:+.1f}",
            ]
        )
    alphas = next(iter(results["curves"].values()))["alphas"]
    heads = [
        "base <- donor",
        "kind",
        *(f"{a:g}" for a in alphas),
        "donor alone",
        "TA",
        "TIES",
        "one alpha for all, best of 0 ... 0.6, over the base",
        "best of each task, over the base",
    ]
    moved = []
    for pair, curve in results["curves"].items():
        for task, values in curve["tasks"].items():
            place = max(range(CANDIDATES), key=lambda at: values[at])
            if values[place] - values[0] >= 3:
                moved.append(
                    [
                        pair.replace("--", " <- "),
                        task,
                        f"{values[0]:.1f}",
                        f"{values[place]:.1f}",
                        f"{curve['alphas'][place]:g}",
                        f"{results['held_out'][pair][task]:+.1f}",
                    ]
                )
    heads_moved = ["base <- donor", "task", "base", "merged", "alpha", "held out"]
    return f"""## Along alpha

Mean score over the eight tasks, in percent; TA is task arithmetic and TIES is TIES, each with its
defaults. Standard errors are paired, over the questions.

{table(heads, rows, left=2)}
![Score and changing answers along alpha](images/{DRAWING})

Where a task gained three points and more (best candidate, found with labels; `held out` is the gain
where half of the questions choose and the others score):

{table(heads_moved, moved, left=2)}
At alpha 1 the whole language model is the donor's behind the base's vision: what the donor knows and
does not bring
along sits in the fit between its projector and its language model, although all projectors were first
trained behind
the same frozen language model. That is the gap between the columns "1" and "donor alone".
"""


def curves_drawing(results: Results) -> str:
    """Return the drawing: score and changing answers along alpha."""
    shown = [name for name in ("llava-1--internvl-2", "internvl-2--llava-1") if name in results["curves"]]
    alphas = [value / 10 for value in range(CANDIDATES)]
    panels = {}
    for name in shown:
        curve = results["curves"][name]
        panels[name.replace("--", " <- ")] = {
            "mean score": curve["mean"][:CANDIDATES],
            "changing answers": results["consistency"][name]["differences"],
        }
    return drawing("real-pair", "Score and changing answers along alpha", alphas, panels)
