"""A choice as Python and notebooks show it: in short, as a frame, a plot, its verdict and curve on a page."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import Any

from adamms.errors import require_packages
from adamms.searching import Selection


class ShownChoice:
    """What a finished search and a choice from answers show alike."""

    selection: Selection
    """The choice and everything it was chosen by."""
    accuracy: Mapping[float, float] | None
    """Alpha -> share of right answers, where true answers were known."""

    @property
    def selected(self) -> float:
        """The chosen alpha, or value of the setting that was searched."""
        return self.selection.selected

    @property
    def verdict(self) -> str:
        """The choice in a sentence or a few."""
        return self.selection.verdict

    def to_json(self) -> dict[str, Any]:
        """What `selection.json` holds."""
        return self.selection.to_json()

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row a candidate: differences, every signal's score, accuracy, status.

        Raises:
            MissingPackageError: pandas is not installed.
        """
        require_packages("pandas")
        import pandas

        choice = self.selection
        rows = []
        for candidate in choice.candidates:
            scores = {signal.name: signal.score(candidate.alpha) for signal in choice.signals}
            accuracy = {"accuracy": self.accuracy.get(candidate.alpha)} if self.accuracy else {}
            rows.append(
                {
                    choice.setting: candidate.alpha,
                    "differences": candidate.differences,
                    **scores,
                    **accuracy,
                    "chosen": candidate.alpha == choice.selected,
                    "disqualified": candidate.disqualified,
                }
            )
        return pandas.DataFrame(rows).set_index(choice.setting)

    def plot(self, axes: Any = None) -> Any:
        """Draw the curve of the rule that chose with matplotlib, and the accuracy where that is known.

        Args:
            axes: to draw the rule's curve on; a figure of its own when left out.

        Returns:
            The matplotlib axes, one a panel; a list where there are several.

        Raises:
            MissingPackageError: matplotlib is not installed.
        """
        require_packages("matplotlib")
        from matplotlib import pyplot

        from adamms.reports.curve import curve_panels
        from adamms.reports.selection_tables import meaning

        panels = curve_panels(self.selection, self.accuracy)
        if axes is not None:
            panels, drawn = panels[:1], [axes]
        else:
            size = (6.4, 2.6 * len(panels))
            _, grid = pyplot.subplots(
                len(panels), sharex=True, squeeze=False, figsize=size, layout="constrained"
            )
            drawn = list(grid[:, 0])
        for panel, place in zip(panels, drawn, strict=True):
            for line in panel.series:
                known = line.known
                place.plot([x for x, _ in known], [y for _, y in known], marker="o")
                place.plot(
                    *zip(*[(x, y) for x, y in known if x == self.selected], strict=True),
                    marker="o",
                    markersize=11,
                )
            place.set_title(panel.title, loc="left", fontsize="medium")
            place.axvline(self.selected, linewidth=0.8, linestyle=":")
        drawn[-1].set_xlabel(meaning(self.selection))
        return drawn[0] if len(drawn) == 1 else drawn

    def _repr_html_(self) -> str:
        """The verdict and the curve, for a notebook."""
        from adamms.reports.curve import curve_panels, curve_png, in_words
        from adamms.reports.selection_tables import verdict_html

        words = in_words(self.selection, curve_panels(self.selection, self.accuracy))
        picture = b64encode(curve_png(self.selection, self.accuracy)).decode()
        return (
            f"<p>{verdict_html(self.selection)}</p>"
            f'<img alt="{escape(words)}" style="max-width: 640px; width: 100%" '
            f'src="data:image/png;base64,{picture}">'
        )
