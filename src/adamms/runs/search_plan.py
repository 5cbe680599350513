"""What a search asks, of which candidates, and how it chooses: fixed before any model is opened."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adamms.answering.engine import can_read
from adamms.progress import Progress
from adamms.recipes.options import WITNESSES, SearchOptions
from adamms.recipes.recipe import Recipe
from adamms.responses import Example, Response
from adamms.responses.candidates import ALPHA
from adamms.responses.inputs import InputSource, understand
from adamms.runs.candidate_recipes import candidates_of
from adamms.runs.loading import base_is_apart
from adamms.searching.signals import SUPERVISED

if TYPE_CHECKING:
    from adamms.evaluation.labels import Label
    from adamms.responses.inputs.source import Records

CHOICE = (
    "rule",
    "gated",
    "metric",
    "embedding_model",
    "fold_case",
    "ends",
    "seed",
    "repeats",
    "subset",
    "setting",
)
"""The settings of a search that its choice takes; the others are about asking."""

INPUTS = "inputs"
"""The inputs of a search that drew them from a benchmark, or that were in no file of the user's own."""
KEPT = "inputs.jsonl"


@dataclass(frozen=True)
class SearchPlan:
    """What a search asks, and of which candidates."""

    options: SearchOptions
    alphas: tuple[float, ...]
    examples: list[Example]
    base_apart: bool
    """Whether no candidate is the base, which is asked by itself."""
    labels: "Mapping[str, Label] | None" = None
    """The true answers, where the rule is the supervised baseline or a file of them is named."""

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        folder: Path,
        progress: Progress,
        *,
        records: "Records | None" = None,
    ) -> "SearchPlan":
        """The questions of a recipe's search; the choice is rehearsed, so that what it lacks is known now.

        Args:
            recipe: the run's.
            folder: the run's; inputs that are in no file of the user's own are written there.
            progress: told what was noticed about the inputs.
            records: the inputs, where they are in memory and not where the recipe says.

        Raises:
            AdaMMSError: the inputs cannot be read or drawn, or the rule cannot choose among such answers.
        """
        options = recipe.search
        assert options is not None
        alphas = candidates_of(recipe)
        source = _source(options, folder / INPUTS, progress, records=records)
        inputs = understand(source)
        for remark in inputs.remarks:
            progress.say(f"Inputs: {remark}")
        drawn = inputs.required().drawn(options.samples, seed=options.seed).looked_at().required()
        examples = drawn.kept(folder / INPUTS)
        labels = None
        if options.rule == SUPERVISED or options.answers is not None:
            # Late: a search without labels imports nothing that reads them.
            from adamms.evaluation.labels import labels_of

            labels = labels_of(options.answers or source, examples)
        plan = cls(options, alphas, examples, base_is_apart(recipe), labels)
        # What the parents answer by themselves is asked whatever the candidates are.
        donors = 1 + len(recipe.donors) if options.witnessed else 0
        if not plan.reads:
            # Late, as the choice itself: where candidates read, nothing that they answered is chosen among.
            from adamms.searching.dry_run import dry_run

            dry_run(examples, alphas, base_apart=plan.asks_base, donors=donors, **plan.choice)
        if labels is not None:
            # A metric that the labels do not suffice for must not be found out after the last answer.
            plan.right({each.id: Response(each.id, 0.0, "x") for each in examples})
        return plan

    @property
    def asks_base(self) -> bool:
        """Whether the base is asked by itself: no candidate is it, and the choice needs it."""
        return self.base_apart or (self.options.witnessed and 0.0 not in self.alphas)

    @property
    def reads(self) -> bool:
        """Whether candidates are judged by reading the parents' answers instead of answering.

        Not where every answer is wanted, where whoever answers cannot tell how probable an answer is, or
        where the base is no candidate: without its opinion nothing says whether a merge gains.
        """
        options = self.options
        everything = options.exhaustive or options.repeats or options.gated or options.keep_all
        return (
            options.rule == WITNESSES
            and not everything
            and options.setting == ALPHA
            and options.metric == "exact"
            and not self.base_apart
            and can_read(options.engine_name)
        )

    @property
    def ids(self) -> list[str]:
        """Of the inputs, in their order."""
        return [example.id for example in self.examples]

    def right(self, answers: Mapping[str, Response]) -> dict[str, float]:
        """How right each answer is, where the true answers may be read."""
        from adamms.evaluation.scoring import answer_scores

        assert self.labels is not None
        return answer_scores(answers, self.labels, metric=self.options.label_metric)

    @property
    def choice(self) -> dict[str, Any]:
        """How the candidate is chosen: the keyword arguments of `select`."""
        return {name: getattr(self.options, name) for name in CHOICE}


def with_kept_inputs(recipe: Recipe) -> Recipe:
    """The recipe of a run whose inputs were in memory: it names those that the run keeps, beside itself."""
    assert recipe.search is not None
    own: dict[str, Any] = {
        "inputs": f"{INPUTS}/{KEPT}",
        "prompt": None,
        "columns": {},
        "images": None,
        "split": None,
    }
    return recipe.model_copy(update={"search": recipe.search.model_copy(update=own)})


def _source(
    options: SearchOptions, folder: Path, progress: Progress, *, records: "Records | None"
) -> InputSource:
    """Where the inputs are: in memory, where the recipe says, or drawn from a benchmark into `folder`."""
    if options.inputs is None:
        return InputSource(_drawn(options, folder, progress))
    source = options.input_source
    return source if records is None else replace(source, source=records)


def _drawn(options: SearchOptions, folder: Path, progress: Progress) -> Path:
    """The run's own inputs, drawn from the benchmark, or those that an interrupted run had drawn."""
    # Late: it starts processes, and most searches name a file.
    from adamms.evaluation import benchmark_inputs

    known, benchmark = folder / benchmark_inputs.INPUTS, options.benchmark
    if known.exists() or benchmark is None:
        return known
    progress.say(f"Drawing {options.samples} inputs from {', '.join(benchmark.tasks)} with lmms-eval.")
    return benchmark_inputs.draw_inputs(
        benchmark.tasks,
        folder,
        samples=options.samples,
        seed=options.seed,
        include_path=benchmark.include_path,
        python=benchmark.python,
    )
