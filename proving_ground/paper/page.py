"""docs/results.md from the results, and from nothing else: every figure in it is computed."""

from pathlib import Path

from proving_ground.paper.drawing import drawing
from proving_ground.paper.plan import BASELINES
from proving_ground.paper.readings import AGREES, NOT, PART, Results, readings, where_it_loses
from proving_ground.paper.sections import SECTIONS, arrow, grid_of

OPENING = """# The paper's experiments on the proving ground

    make paper-tables

The experiments of the AdaMMS paper, in form, on the small trained pairs that ship with this package
([zoo.md](zoo.md)). **Models of a million parameters and questions of a closed vocabulary: no figure here is
comparable with any figure of the paper**, and none of the paper's benchmark figures stands on this page.
What can be compared is the direction of a finding. `python -m proving_ground.paper` writes this page from
[data/results.json](data/results.json); every number and every verdict in it is computed.

"""

VERDICTS = """
Verdicts: *as in the paper* where the sentence holds in every case listed (consistency: in three of four
tasks; concavity: at least the authors' share; granularity, metric and number of inputs: within a point; the
choice: closer to the best than every fixed alpha shown, in distance and in points), *not here* where it
fails in most, *in part* between. Standard errors are paired over questions; those of the facts (price,
owner, home) are too small, because facts are asked of 64 objects in several pictures each. One training
seed a model: what holds for these pairs need not hold for others. Other label-free signals are measured in
[signals.md](signals.md).
"""


def write_page(page: Path, results: Results) -> None:
    """Write the page and its drawings, in `images/` beside it."""
    (page.parent / "images").mkdir(parents=True, exist_ok=True)
    page.write_text(results_page(results), encoding="utf-8")
    for name, text in drawings(results).items():
        (page.parent / "images" / name).write_text(text, encoding="utf-8")


def results_page(results: Results) -> str:
    """Return the page as Markdown."""
    parts = [_claims(results), _method(results), *(section(results) for section in SECTIONS)]
    return OPENING + "\n".join(text for text in parts if text)


def drawings(results: Results) -> dict[str, str]:
    """Return the SVG files of the page by name."""
    result = next(iter(results["consistency"].values()))
    tables = {
        "results-consistency.svg": drawing(
            "consistency",
            f"Accuracy and changing answers along alpha, {arrow(result)}",
            result["alphas"],
            {
                "mean accuracy": {"accuracy": result["accuracy"]},
                "answers that differ from a neighbour's": {"answers": result["differences"]},
            },
        )
    }
    for result in list(results["vocabulary"].values())[:1]:
        tables["results-vocabulary.svg"] = drawing(
            "vocabulary",
            f"Accuracy along alpha by what becomes of embeddings and head, {arrow(result)}",
            # Without alpha 1, where the shrunk one's zero would flatten the rest.
            result["alphas"][:-1],
            {"mean accuracy": {name: row[:-1] for name, row in result["rows"].items()}},
        )
    return tables


def _claims(results: Results) -> str:
    read = readings(results)
    rows = [[reading.claim, reading.found, f"**{reading.verdict}**"] for reading in read]
    table = grid_of(["the paper", "found here", ""], rows, left=3)
    counts = {verdict: sum(reading.verdict == verdict for reading in read) for verdict in (AGREES, PART, NOT)}
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return (
        f"## Where it agrees with the paper, and where not\n\nOf {len(read)} claims {verdicts}. "
        f"{where_it_loses(results)}\n\n{table}{VERDICTS}"
    )


def _method(results: Results) -> str:
    about = results["about"]
    present = "the paper's rule, so it has no row of its own"
    if about["default"] != "--rule sum":
        present = "it stands beside the paper's rule"
    return f"""## How it was measured

- **Models**: {len(about["pairs"])} of the shipped pairs (a base and a donor, in this order), merged by
  `adamms merge` (vocabulary by token, rounded to bfloat16), answering greedily in float32.
- **Questions**: {about["each"]} a task of {len(about["tasks"])} tasks, drawn for this page alone (seed
  {about["seed"]}) from held-out pictures; nobody was trained on them, and no rule was chosen by them. Facts
  come with new pictures of known objects, since facts can only be known from training.
- **AdaMMS**: one alpha a task among 0, 0.1 ... 0.6 by `--rule sum` on {about["samples"]} unlabelled inputs
  of that task, scored on all its questions, as the paper does. Tables show the first draw of inputs; "over
  draws" is the mean and the standard deviation of {about["draws"]} draws.
- **Baselines** ({", ".join(BASELINES.values())}): the paper's settings for them were not among the sources
  this was built from, so the methods' own defaults stand (`adamms methods`): base and donor weigh 1 and
  lambda is 1 (MetaGPT: its closed form), TIES keeps the largest 20 %, DARE drops 90 % and divides by 0.1.
  Task arithmetic with both weights 0.5 is the linear merge at alpha 0.5 (*always 0.5* below) wherever the
  ancestor has the row.
- **The default** of `adamms search` was `{about["default"]}` when this was asked: {present}. Today's
  is measured in [signals.md](signals.md).
- **Score** of a task: percent of exactly right answers. SUM adds the tasks up, a mean divides by their
  number.
"""
