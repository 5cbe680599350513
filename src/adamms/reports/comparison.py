"""Several runs or merged models read into one value, to be put side by side.

A run directory brings its choice, its curve and its answers; a merged folder only what its `adamms.json`
records. Differences are counted in answers, so runs on unequal numbers of inputs are compared per input.
Draws nothing.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adamms.checkpoints.json_files import read_json
from adamms.errors import SearchError, require_packages
from adamms.evaluation.labels import Label
from adamms.evaluation.scoring import answer_scores
from adamms.reports.answer_grid import Column, Grid, answer_grid
from adamms.reports.paired import PairedDifference, paired_difference
from adamms.reports.run_files import read_run
from adamms.reports.wording import short_name
from adamms.responses import Example, Response, read_responses
from adamms.responses.candidates import ALPHA
from adamms.searching import CandidateScore, Selection
from adamms.searching.answer_table import comparable

ADAMMS_JSON, SCORES = "adamms.json", "scores.json"


@dataclass(frozen=True, repr=False)
class ComparedRun:
    """One run directory, one merged folder, or what one evaluation kept (without a donor)."""

    name: str
    path: Path
    base: str
    donor: str
    method: str
    alpha: Any
    """The chosen value of the setting, or the given weight of the donor (text where it differs by part)."""
    selection: Selection | None
    """None where alpha was given by hand."""
    accuracy: Mapping[float, float] = field(default_factory=dict)
    """Alpha -> share of right answers, where answers were known; no search used it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The recipe, flat: `search.seed` -> 0."""
    answers: Mapping[str, Response] = field(default_factory=dict)
    """What the chosen candidate answered."""
    examples: Mapping[str, Example] = field(default_factory=dict)
    right: Mapping[str, float] = field(default_factory=dict)
    """Input id -> how right its answer is, where true answers were known."""

    @property
    def setting(self) -> str:
        """What was searched, or given by hand: `alpha` unless another setting was."""
        return self.selection.setting if self.selection else ALPHA

    @property
    def brief(self) -> str:
        """The run in a few words."""
        return f"{self.name}: alpha {self.alpha} by {self.rule}"

    def __repr__(self) -> str:
        return f"ComparedRun({self.brief})"

    @property
    def rule(self) -> str:
        """How alpha was chosen."""
        return self.selection.rule if self.selection else "by hand" if self.donor else "–"

    @property
    def chosen(self) -> CandidateScore | None:
        """The chosen candidate."""
        candidates = self.selection.candidates if self.selection else ()
        return next((candidate for candidate in candidates if candidate.alpha == self.alpha), None)

    @property
    def consistency(self) -> float | None:
        """The chosen candidate's differences per input: the fewer, the more consistent."""
        return self.per_input(self.chosen) if self.chosen else None

    def per_input(self, candidate: CandidateScore) -> float | None:
        """A candidate's differences, divided by the number of inputs."""
        if candidate.differences is None or self.selection is None or not self.selection.samples:
            return None
        return candidate.differences / self.selection.samples

    @property
    def chosen_accuracy(self) -> float | None:
        """The chosen candidate's accuracy, where answers were known."""
        if self.selection is None and self.right:
            return sum(self.right.values()) / len(self.right)
        return self.accuracy.get(self.alpha) if isinstance(self.alpha, float) else None

    def to_json(self) -> dict[str, Any]:
        """Plain data for `adamms compare --json`."""
        selection = self.selection
        return {
            "name": self.name,
            "path": str(self.path),
            "base": self.base,
            "donor": self.donor,
            "method": self.method,
            "setting": self.setting,
            "selected": self.alpha,
            "rule": self.rule,
            "metric": selection.metric if selection else None,
            "samples": selection.samples if selection else None,
            "seed": selection.seed if selection else None,
            "differences": self.chosen.differences if self.chosen else None,
            "consistency": self.consistency,
            "accuracy": self.chosen_accuracy,
            "candidates": [
                {
                    "alpha": candidate.alpha,
                    "differences": candidate.differences,
                    "accuracy": self.accuracy.get(candidate.alpha),
                    "disqualified": candidate.disqualified,
                }
                for candidate in (selection.candidates if selection else ())
            ],
        }


@dataclass(frozen=True, repr=False)
class Comparison:
    """The runs, what their recipes do not share, and their answers to the inputs they share."""

    runs: tuple[ComparedRun, ...]
    differing: Mapping[str, tuple[Any, ...]]
    """Recipe key -> each run's value; None where a run has no such key."""
    grid: Grid | None
    """None where no two runs answered the same inputs."""
    other_prompts: int
    """Inputs of equal name that are left out because the runs asked them different questions."""

    @property
    def differences(self) -> tuple[PairedDifference, ...]:
        """How much more is right than in the first run whose answers are known to be right or wrong."""
        known = [run for run in self.runs if run.right]
        pairs = (paired_difference(run.name, run.right, known[0].name, known[0].right) for run in known[1:])
        return tuple(pair for pair in pairs if pair is not None)

    def __repr__(self) -> str:
        return f"Comparison({', '.join(run.brief for run in self.runs)})"

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row a run: base, donor, method, what was chosen and by which rule.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        require_packages("pandas")
        import pandas

        rows = [
            {key: value for key, value in run.to_json().items() if key != "candidates"} for run in self.runs
        ]
        return pandas.DataFrame(rows).set_index("name")

    def to_json(self) -> dict[str, Any]:
        """What `adamms compare --json` prints."""
        return {
            "runs": [run.to_json() for run in self.runs],
            "recipe_differences": {key: list(values) for key, values in self.differing.items()},
            "shared_inputs": self.grid.inputs if self.grid else 0,
            "answered_alike": self.grid.unchanged if self.grid else 0,
            "accuracy_differences": [difference.to_json() for difference in self.differences],
        }


def compare_runs(paths: Sequence[str | Path]) -> Comparison:
    """Read run directories and merged folders.

    Raises:
        SearchError: fewer than two are given, or one is neither, or a file of it is damaged.
    """
    if len(paths) < 2:
        raise SearchError("A comparison needs at least two runs; name two run directories or more.")
    folders = [Path(path) for path in paths]
    runs = tuple(_read(folder, name) for folder, name in zip(folders, _names(folders), strict=True))
    answered = [run for run in runs if run.answers]
    ids, other_prompts = _shared(answered)
    return Comparison(
        runs=runs,
        differing=_differing(runs),
        grid=_grid(answered, ids) if ids else None,
        other_prompts=other_prompts,
    )


def _read(folder: Path, name: str) -> ComparedRun:
    if (folder / "selection.json").is_file():
        return _search_run(folder, name)
    if (folder / ADAMMS_JSON).is_file():
        return _merged_folder(folder, name)
    if (folder / SCORES).is_file():
        return _evaluation(folder, name)
    raise SearchError(
        f"{folder} is neither a finished run (no selection.json) nor a merged model (no {ADAMMS_JSON}) nor "
        f"an evaluation (no {SCORES})."
    )


def _search_run(folder: Path, name: str) -> ComparedRun:
    run = read_run(folder)
    merge = run.recipe.get("merge") or {}
    return ComparedRun(
        name=name,
        path=folder,
        base=short_name(str(run.recipe.get("base", ""))),
        donor=short_name(str(run.recipe.get("donor", ""))),
        method=str(merge.get("method", "linear")),
        alpha=float(run.selection.selected),
        selection=run.selection,
        accuracy=run.accuracy or {},
        settings=_flat(run.recipe),
        answers=run.responses[run.selection.selected],
        examples=run.examples,
        right=_right(run.responses[run.selection.selected], run.examples),
    )


def _right(answers: Mapping[str, Response], examples: Mapping[str, Example]) -> dict[str, float]:
    """How right answers are, where the inputs bring true ones."""
    known = {
        id_: example.answer
        for id_, example in examples.items()
        if example.answer is not None and id_ in answers
    }
    if not known:
        return {}
    labels = {id_: Label((answer,)) for id_, answer in known.items()}
    return answer_scores({id_: answers[id_] for id_ in known}, labels)


def _evaluation(folder: Path, name: str) -> ComparedRun:
    """What `adamms eval --out` kept."""
    path = folder / SCORES
    try:
        scores = read_json(path)
        (result,) = scores["results"]
        model, right = str(scores["model"]), {str(id_): float(x) for id_, x in result["by_input"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise SearchError(f"{path} does not say how right each answer is; evaluate it again.") from None
    answered = read_responses(folder, alpha=0.0)
    return ComparedRun(
        name=name,
        path=folder,
        base=short_name(model),
        donor="",
        method="",
        alpha=None,
        selection=None,
        settings={"eval.metric": scores.get("metric"), "eval.inputs": scores.get("inputs")},
        answers={id_: answer for answers in answered.values() for id_, answer in answers.items()},
        right=right,
    )


def _merged_folder(folder: Path, name: str) -> ComparedRun:
    path = folder / ADAMMS_JSON
    try:
        made = read_json(path)
        base, donor = (str(made[role]["source"]) for role in ("base", "donor"))
        method, alpha = str(made["method"]), made.get("alpha")
        selection = Selection.from_json(made["selection"]) if made.get("selection") else None
    except (OSError, ValueError, KeyError, TypeError):
        raise SearchError(f"{path} is damaged: it does not say what was merged.") from None
    number = isinstance(alpha, int | float) and not isinstance(alpha, bool)
    kept = {key: made[key] for key in made if key not in ("version", "selection", "base", "donor")}
    mapping = kept.pop("mapping", None) or {}
    read = {key: mapping.get(key) for key in ("duplicates", "vocabulary", "exclude")}
    parameters = {key: value for key, value in kept.items() if key not in ("method", "dtype", "alpha")}
    merge = {"method": method, "alpha": alpha, "dtype": kept.get("dtype"), "settings": parameters}
    return ComparedRun(
        name=name,
        path=folder,
        base=short_name(base),
        donor=short_name(donor),
        method=method,
        alpha=float(alpha) if number else json.dumps(alpha) if alpha is not None else None,
        selection=selection,
        settings=_flat({"base": base, "donor": donor, "mapping": read, "merge": merge}),
    )


def _names(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell the runs apart; the same one twice is numbered."""
    parts = [folder.resolve().parts for folder in folders]
    distinct = len(dict.fromkeys(parts))
    depth = next(
        n for n in range(1, 1 + max(map(len, parts))) if len({part[-n:] for part in parts}) == distinct
    )
    names = ["/".join(part[-depth:]) for part in parts]
    return [
        name if names.count(name) == 1 else f"{name} ({names[: index + 1].count(name)})"
        for index, name in enumerate(names)
    ]


def _differing(runs: Sequence[ComparedRun]) -> dict[str, tuple[Any, ...]]:
    """The settings that are not the same everywhere; a search's only between those that searched."""
    flat = {}
    for key in dict.fromkeys(key for run in runs for key in run.settings):
        asked = [run for run in runs if run.answers] if key.startswith("search.") else runs
        values = [run.settings.get(key) for run in asked]
        if any(value != values[0] for value in values):
            flat[key] = tuple(run.settings.get(key) for run in runs)
    return flat


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= (
            _flat(value, f"{prefix}{key}.")
            if isinstance(value, dict) and value
            else {f"{prefix}{key}": value}
        )
    # What is off or empty is as good as not said; alpha has a column of its own.
    given = {key: value for key, value in flat.items() if value is not False and value not in (None, [], {})}
    return {key: value for key, value in given.items() if key != "merge.alpha"}


def _shared(runs: Sequence[ComparedRun]) -> tuple[list[str], int]:
    """The inputs that all these runs answered, in the first one's order, and how many only look shared."""
    if len(runs) < 2:
        return [], 0
    common = [id_ for id_ in runs[0].answers if all(id_ in run.answers for run in runs)]
    same = [id_ for id_ in common if _same_question([run.examples.get(id_) for run in runs])]
    return same, len(common) - len(same)


def _same_question(asked: Sequence[Example | None]) -> bool:
    """Whether the prompts that are still known are one; a file's line numbers may serve as ids."""
    known = [example.prompt for example in asked if example]
    return all(prompt == known[0] for prompt in known)


def _grid(runs: Sequence[ComparedRun], ids: Sequence[str]) -> Grid:
    examples = {id_: example for run in reversed(runs) for id_, example in run.examples.items()}
    fold_case = all(run.selection is not None and run.selection.fold_case for run in runs)
    return answer_grid(
        [Column(run.name, "run") for run in runs],
        {id_: [run.answers[id_] for run in runs] for id_ in ids},
        compared=lambda response: comparable(response, fold_case=fold_case),
        examples=examples,
    )
