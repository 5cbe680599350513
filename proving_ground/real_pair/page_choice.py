"""The sections of docs/real-pair.md about the choice, how sure it is, and what it is made by."""

from collections.abc import Mapping
from typing import Any

from proving_ground.real_pair.markdown import table

Results = Mapping[str, Any]
PAPER, DEFAULT = "sum (the paper's)", "reduced search, no theta_0"
SHOWN_RULES = (
    "never merge",
    "always 0.2",
    "sum (the paper's)",
    "confidence",
    "first-token-entropy",
    "witnesses",
    "witnesses, no theta_0",
    "reduced search",
    "reduced search, no theta_0",
    "labels of the same inputs",
)
TITLES = {
    "sum (the paper's)": "`sum`, the paper's",
    "witnesses": "`witnesses`, everything generated",
    "reduced search": "**the default search** (`witnesses` by reading, `--pretrained`)",
    "reduced search, no theta_0": "the default search without `--pretrained`",
    "labels of the same inputs": "*labels of the same 100 inputs*",
}
CHOSEN = (
    "sum (the paper's)",
    "confidence",
    "witnesses, no theta_0",
    "reduced search",
    "labels of the same inputs",
)
READINGS = {"everything generated": "verdicts", "by reading (the default)": "verdicts_of_reading"}


def choice_section(results: Results) -> str:
    """Return what every rule loses."""
    rules, tasks = results["rules"], list(results["about"]["questions"])
    rows = []
    for name in SHOWN_RULES:
        rule = rules[name]
        low, high = rule["interval"]
        gap = rule["against_paper"]
        rows.append(
            [
                TITLES.get(name, name),
                f"{rule['lost']:.2f}",
                f"{low:.2f} ... {high:.2f}",
                f"{gap[0]:+.2f} ({gap[1]:+.2f} ... {gap[2]:+.2f})",
                f"{rule['over_base']:+.2f}",
                *(f"{rule['tasks'][task]:.1f}" for task in tasks),
            ]
        )
    heads = ["", "lost", "95 %", "against the paper's rule (95 %)", "over the base", *tasks]
    gains = [
        [pair.replace("--", " <- "), *(f"{choice[n]:+.2f}" if n in choice else "" for n in CHOSEN)]
        for pair, choice in results["choice"].items()
    ]
    every = [[f"*{name}*", f"{rule['lost']:.2f}"] for name, rule in rules.items() if name not in SHOWN_RULES]
    return f"""## The choice

Points lost to the best of alpha 0 ... 0.6 of each task: {results["about"]["draws"]} draws of 100
unlabelled inputs choose, the questions that a draw leaves score. Intervals draw the pairs anew. The
pair with the wordy donor is not among them: its candidates' readings of each other's answers were not
made.

{table(heads, rows)}
What a choice gains over the base, pair by pair, mean over tasks:

{table(["base <- donor", *(TITLES.get(n, n) for n in CHOSEN)], gains)}
<details><summary>Every other rule</summary>

{table(["", "lost"], every)}
</details>
"""


def verdicts_section(results: Results) -> str:
    """Return how often a verdict is said and holds."""
    rows = []
    for title, key in READINGS.items():
        rows += [
            [
                title,
                row["verdict"],
                f"{row['said']:.1f}",
                f"{row['right']:.0f}",
                f"{row['interval'][0]:.0f} ... {row['interval'][1]:.0f}",
                f"{row['regret']:.2f}",
            ]
            for row in results[key]
        ]
    heads = ["", "verdict", "said, %", "within 1 point of the best, %", "95 %", "points lost"]
    return f"""## How sure it says it is

{table(heads, rows, left=2)}"""


def metrics_section(results: Results) -> str:
    """Return what the paper's rule loses by metric and number of inputs."""
    if not results["metrics"]:
        return ""
    sizes = list(next(iter(results["metrics"].values())))
    rows = [[name, *(f"{row[size]:.2f}" for size in sizes)] for name, row in results["metrics"].items()]
    exact, embedded = (results["metrics"][f"describe, {metric}"]["100"] for metric in ("exact", "embedding"))
    better = "is no better" if embedded >= exact else "is better"
    return f"""## Metric and number of inputs (the paper's Table 3)

The paper's rule; points lost by the number of inputs. For descriptions of 20 to 60 words the embedding
metric was expected to show what it is for; it {better} here ({embedded:.2f} against {exact:.2f} at 100
inputs).

{table(["task, metric", *(f"{size} inputs" for size in sizes)], rows)}"""
