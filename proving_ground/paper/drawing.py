"""The drawings of docs/results.md: the report page's own line plots, as files that carry their colours."""

from collections.abc import Mapping, Sequence

from adamms.reports.plots import Panel, Series
from adamms.reports.svg import line_plot

STYLE = (
    "<style>svg{background:#fff;font:12px system-ui,sans-serif}text{fill:#59616b}.panel-title{fill:#1d2126;"
    "font-weight:600;font-size:13px}.rule{stroke:#e1e3e0}.line{fill:none;stroke-width:2.2}"
    ".line.s1{stroke:#2a62ad}.point.s1{fill:#2a62ad}.line.s2{stroke:#a5490a}.point.s2{fill:#a5490a}"
    ".line.s3{stroke:#2f7d3b}.point.s3{fill:#2f7d3b}.value{fill:#1d2126}</style>"
)
SIGNS = ("circles", "squares", "triangles")
Points = Sequence[float | None]


def drawing(
    name: str, title: str, alphas: Sequence[float], panels: Mapping[str, Mapping[str, Points]]
) -> str:
    """Return an SVG file: panels by title, in each up to three lines by name, values in percent."""
    drawn = [
        Panel(
            f"{heading}: {', '.join(_named(lines))}" if len(lines) > 1 else heading,
            [
                Series(
                    [
                        (alpha, None if value is None else value / 100)
                        for alpha, value in zip(alphas, values, strict=True)
                    ],
                    colour=number,
                )
                for number, values in enumerate(lines.values(), start=1)
            ],
            lambda value: f"{value:.0%}",
            "share",
        )
        for heading, lines in panels.items()
    ]
    spoken = "; ".join(
        f"{heading}, {line}: {', '.join('none' if value is None else f'{value:.1f} %' for value in values)}"
        for heading, lines in panels.items()
        for line, values in lines.items()
    )
    plot = line_plot(drawn, name=name, title=title, description=spoken, x_label="alpha, the donor's weight")
    head, rest = plot.split(">", 1)
    return f"{head}>{STYLE}{rest}\n"


def _named(lines: Mapping[str, Points]) -> list[str]:
    return [f"{name} ({sign})" for name, sign in zip(lines, SIGNS, strict=False)]
