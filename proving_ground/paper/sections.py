"""The sections of docs/results.md, one an experiment: a few words and a table.

Tables of pairs are drawn as `adamms table --format markdown` draws them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adamms.evaluation.score_summaries import summed_gains
from adamms.evaluation.score_table import ScoreTable, make_scores, score_table
from adamms.reports.score_tables import score_markdown
from proving_ground.paper.comparison import OURS
from proving_ground.paper.plan import BASELINES
from proving_ground.paper.readings import REPORTED, Results, mean_of

OVERVIEW = """## All pairs at a glance

Mean accuracy over the tasks, in percent; "over base" with its paired standard error, "over draws" with the
standard deviation over draws. "Best of" is chosen task by task by the labels of all questions: no search
reaches it.
"""

LOST = """## What the choice loses, by task

Points lost to the best of 0 ... 0.6 of each task, means over pairs. The best is
found in hindsight on the same questions, so a point or two on one task is noise.
"""

PAIRS = """## Pair by pair

The form of Tables 1, 2 and 10 to 13: score (gain over the parents' mean), the best method in bold, the
second underlined, a parent above every method in italics. One score has a standard error of up to
{error:.1f} points.
"""

SUPERVISION = """## With labels and without (Table 8)

Coefficients chosen by the most right answers on the drawn inputs, or on all, against the choice without
labels. TIES is tried with the weights 1 and 1, and with 1 - alpha and alpha for alpha 0.1 ... 0.6. Scores
are of the questions that a draw leaves, means over the draws; "all labels" has seen theirs.
"""

METRICS = """## Metric and number of inputs (Table 3)

Over all pairs and tasks. Answers here are one or two words, which suits exact match; the embeddings are
all-MiniLM-L6-v2's.
"""

GRANULARITY = """
The finer the grid, the fewer answers change between neighbours, so the choice hangs on fewer; and the best
of more candidates is higher by chance alone.
"""

CONSISTENCY = """## Consistency and performance (Figures 2 and 5)

Means over tasks, in percent. Changing answers: the share that differs from the candidate below plus the
share that differs from the one above, at a granularity of 0.1. The paper's rule takes the alpha with the
fewest.
"""

CONCAVITY = """## Is the score concave around its best?

The authors report {reported} % of settings in their slides. What a setting is, which grid, and how far
"around" reaches is not said there. Here a setting is one task of one pair ({settings} of
them); the best is the smallest alpha with the highest accuracy; at an end of the grid nothing lies around
it, so such a setting is not counted as concave.

- *at its best*: the best lies inside the grid and the second difference there is negative;
- *around its best* (the one quoted above): besides, no second difference beside the best is positive;
- *one hill*: as the first, and the score never falls before its best and never rises after it;
- *everywhere*: no second difference is positive and one is negative, wherever the best lies.
"""

SHUFFLED = """
"In random order" is the share when a task's own scores are shuffled along alpha: what noise alone would
give. "Means of pairs" takes the mean over the tasks, one setting a pair.
"""

VOCABULARY = """## Embeddings merged, kept, and shrunk

The published Qwen script multiplies the embeddings and `lm_head` by (1 - alpha) and adds nothing, so that at
alpha 1 nothing of them is left. *Kept* is `--exclude embeddings,lm_head`. Mean accuracy over the tasks, in
percent, by alpha.
"""


def overview(results: Results) -> str:
    """Every pair in a line, and the summed gains of Table 9."""
    tables, count = list(results["comparison"].values()), len(results["about"]["tasks"])
    columns = [*BASELINES.values(), OURS, *tables[0]["beside"]]
    rows, every = [], []
    for table in tables:
        every.append([mean_of(table, name) for name in (table["base"], table["donor"], *columns)])
        gain, error = (value / count for value in table["over_base"])
        mean, spread = (value / count for value in table["draws"])
        ends = [f"{gain:+.1f} ± {error:.1f}", f"{mean:.1f} ± {spread:.1f}"]
        rows.append([arrow(table), *map(_one, every[-1]), *ends])
    means = [sum(column) / len(column) for column in zip(*every, strict=True)]
    rows.append(["**mean**", *map(_one, means), "", ""])
    heads = ["base <- donor", "base", "donor", *columns, f"{OURS} over base", f"{OURS} over draws"]
    added = score_markdown(summed_gains([_table(table) for table in tables]))
    caption = "Gains over the parents' mean, added up over all pairs (the form of Table 9):"
    return f"{OVERVIEW}\n{grid_of(heads, rows)}\n{caption}\n\n{added}"


def lost(results: Results) -> str:
    """What every choice loses to the best candidate, task by task."""
    tables = list(results["comparison"].values())
    rows = []
    for name in tables[0]["lost"]:
        columns = zip(*(table["lost"][name] for table in tables), strict=True)
        means = [sum(column) / len(column) for column in columns]
        rows.append([name, *map(_one, means), _one(sum(means) / len(means))])
    return f"{LOST}\n{grid_of(['', *results['about']['tasks'], 'mean'], rows)}"


def pairs(results: Results) -> str:
    """One table a pair."""
    parts = [PAIRS.format(error=100 * (0.25 / results["about"]["each"]) ** 0.5)]
    for result in results["comparison"].values():
        taken = zip(result["tasks"], result["alphas"], strict=True)
        listed = ", ".join(f"{task} {alpha:g}" for task, alpha in taken)
        parts.append(f"### {arrow(result)}\n\n{score_markdown(_table(result))}\nalpha taken: {listed}.\n")
    return "\n".join(parts)


def supervision(results: Results) -> str:
    """Table 8."""
    parts = []
    for result in results["supervision"].values():
        rows = [
            [name, *map(_one, scores), _one(sum(scores) / len(scores))]
            for name, scores in result["rows"].items()
        ]
        parts.append(f"### {arrow(result)}\n\n{grid_of(['', *result['tasks'], 'mean'], rows)}")
    return "\n".join([SUPERVISION, *parts]) if parts else ""


def metrics(results: Results) -> str:
    """Table 3."""
    if results["metrics"] is None:
        return ""
    rows = [[name, f"{e['score']:.2f}", f"{e['same']:.1f}"] for name, e in results["metrics"].items()]
    heads = ["DiffCnt", "mean accuracy of what is chosen, %", "same alpha as exact match on all, %"]
    return f"{METRICS}\n{grid_of(heads, rows)}"


def granularity(results: Results) -> str:
    """Figure 4."""
    heads = ["granularity", "candidates", "chosen: accuracy, %", "best of each task, %", "mean alpha chosen"]
    parts = []
    for result in results["granularity"].values():
        rows = [
            [
                step,
                str(measured["candidates"]),
                f"{measured['score']:.2f}",
                f"{measured['best']:.2f}",
                f"{measured['alpha']:.3f}",
            ]
            for step, measured in result["steps"].items()
        ]
        parts.append(f"### {arrow(result)}\n\n{grid_of(heads, rows)}")
    return "\n".join(["## Granularity (Figure 4)\n", *parts]) + GRANULARITY if parts else ""


def consistency(results: Results) -> str:
    """Figures 2 and 5."""
    rows = []
    for result in results["consistency"].values():
        rows.append([f"{arrow(result)}: accuracy", *map(_one, result["accuracy"])])
        rows.append(["changing answers", *map(_one, result["differences"])])
    table = grid_of(_alphas(result), rows)
    first = arrow(next(iter(results["consistency"].values())))
    drawn = f"![Accuracy and changing answers along alpha, {first}](images/results-consistency.svg)"
    return f"{CONSISTENCY}\n{table}\n{first}:\n\n{drawn}\n"


def answers(results: Results) -> str:
    """Figure 3."""
    result = results["answers"]
    rows = []
    for row in result["rows"]:
        answers = [f"**{text}**" if text == row["truth"] else text or "(nothing)" for text in row["said"]]
        rows.append([row["id"], row["truth"], *answers])
    heads = ["input", "truth", *_alphas(result)[1:]]
    return (
        f'## Answers along alpha (Figure 3)\n\n{arrow(result)}, "{result["prompt"]}" ({result["task"]}). The '
        f"answer changes somewhere along alpha for {result['changing']} of {result['of']} inputs; these are "
        f"the {len(rows)} that change most often. Right answers in bold.\n\n"
        f"{grid_of(heads, rows, left=len(heads))}"
    )


def concavity(results: Results) -> str:
    """The share that the authors report, counted in four ways."""
    measured = results["concavity"]
    spans = [name for name in measured if name != "ways"]
    rows = []
    for way in measured["ways"]:
        cells = [100 * measured[span][key][way] for span in spans for key in ("share", "chance", "pairs")]
        rows.append([way, *map(_one, cells)])
    kinds = ("tasks of pairs", "in random order", "means of pairs")
    heads = ["% of settings", *(f"alpha {span}: {kind}" for span in spans for kind in kinds)]
    opening = CONCAVITY.format(reported=REPORTED, settings=measured[spans[0]]["settings"])
    return f"{opening}\n{grid_of(heads, rows)}{SHUFFLED}"


def vocabulary(results: Results) -> str:
    """The curves with embeddings and head merged, kept and shrunk."""
    parts = []
    for result in results["vocabulary"].values():
        rows = [[name, *map(_one, values)] for name, values in result["rows"].items()]
        parts.append(f"### {arrow(result)}\n\n{grid_of(_alphas(result), rows)}")
    if not parts:
        return ""
    first = arrow(next(iter(results["vocabulary"].values())))
    drawn = f"![Accuracy along alpha: merged, kept, shrunk, {first}](images/results-vocabulary.svg)"
    return "\n".join([VOCABULARY, *parts, f"{first}:\n\n{drawn}\n"])


SECTIONS: tuple[Callable[[Results], str], ...] = (
    overview,
    lost,
    pairs,
    supervision,
    metrics,
    granularity,
    consistency,
    answers,
    concavity,
    vocabulary,
)


def arrow(each: Mapping[str, Any]) -> str:
    """Return the base and the donor of a pair's results."""
    base, donor = each["titles"] if "titles" in each else (each["base"], each["donor"])
    return f"{base} <- {donor}"


def grid_of(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return a Markdown table whose first `left` columns are text."""
    rule = [*["---"] * left, *["---:"] * (len(heads) - left)]
    return "".join(f"| {' | '.join(line)} |\n" for line in [heads, rule, *rows])


def _table(result: Mapping[str, Any]) -> ScoreTable:
    return score_table(make_scores(result["base"], result["donor"], result["tasks"], result["rows"]))


def _alphas(result: Mapping[str, Any]) -> list[str]:
    return ["", *(f"{alpha:g}" for alpha in result["alphas"])]


def _one(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
