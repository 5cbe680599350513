"""Scores of a model, or of a run's candidates, as `adamms eval --json` prints them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adamms.errors import require_packages


@dataclass(frozen=True, repr=False)
class Scores:
    """What was scored: one result a model, or one a candidate of a run."""

    document: Mapping[str, Any]
    """What `adamms eval --json` prints."""

    @property
    def score(self) -> float:
        """Of a single model, from 0 to 1.

        Raises:
            ValueError: several candidates were scored; `by_alpha` has them all.
        """
        if len(self.results) != 1:
            raise ValueError(f"{len(self.results)} candidates were scored; by_alpha has them all.")
        return float(self.results[0]["score"])

    @property
    def results(self) -> list[dict[str, Any]]:
        """An entry a model or candidate: `{"alpha", "score", "count", "tasks", ..}`."""
        return list(self.document["results"])

    @property
    def by_alpha(self) -> dict[float, float]:
        """Alpha -> score; a model that was not merged here goes by 0."""
        return {result["alpha"]: result["score"] for result in self.results}

    def to_json(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return dict(self.document)

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row a model or candidate, a column a task.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        require_packages("pandas")
        import pandas

        rows = []
        for result in self.results:
            tasks = {name: task["score"] for name, task in result.get("tasks", {}).items()}
            rows.append({"alpha": result["alpha"], "score": result["score"], **tasks})
        return pandas.DataFrame(rows).set_index("alpha")

    def __repr__(self) -> str:
        source = self.document.get("model") or self.document.get("responses")
        shown = ", ".join(
            f"alpha {alpha:g}: {score:.1%}" if len(self.results) > 1 else f"{score:.1%}"
            for alpha, score in self.by_alpha.items()
            if score is not None
        )
        return f"Scores({shown or 'nothing'} of {source!r})"
