from io import StringIO

from rich.console import Console

from adamms.mapping.ancestor import WeightSimilarity
from adamms.mapping.discovery import Discovery
from adamms.mapping.findings import Finding
from adamms.mapping.slots import VISION, Slot
from adamms.reports.weight_tables import discovery_table, similarity_table


def printed(renderable: object) -> str:
    console = Console(width=80, record=True, file=StringIO())
    console.print(renderable)
    return console.export_text()


def test_similarities_and_their_verdicts() -> None:
    text = printed(
        similarity_table(
            [
                WeightSimilarity("/models/base", "/models/donor", 0.9712, {"a": 0.9612, "b": 0.9812}),
                WeightSimilarity("/models/base", "org/theta", 0.013, {"a": -0.01, "b": 0.036}),
                WeightSimilarity("/models/donor", "org/theta", None, {}),
            ]
        )
    )
    rows = [line.split() for line in text.splitlines() if "base" in line or "donor" in line]
    assert rows[0] == ["base,", "donor", "0.971", "0.961", "0.981", "2", "related"]
    assert rows[1][-5:] == ["0.013", "-0.010", "0.036", "2", "unrelated"]
    assert rows[2][-5:] == ["-", "-", "-", "0", "unknown"]


def test_what_was_recognised_is_grouped_by_slot() -> None:
    findings = [
        Finding("a[0].w", (0, 64), Slot("attention.q", 0), 0.99, 0.9),
        Finding("b", (0, 64), Slot("attention.q", 1), 0.97, 0.7),
        Finding("c", (64, 128), Slot("attention.q", 0, VISION), 0.9, 0.8),
        Finding("d", (0, 100), Slot("embed"), 1.0, 0.95),
    ]
    text = printed(discovery_table(Discovery("/models/unknown", "org/theta", tuple(findings), ())))
    rows = [line.split() for line in text.splitlines() if "0:" in line or "64:" in line]
    assert rows == [
        ["embed", "1", "1.000", "0.950", "d", "0:100"],
        ["attention.q", "0-1", "2", "0.980", "0.700", "a[0].w", "0:64"],
        ["attention.q,", "duplicate", "0", "1", "0.900", "0.800", "c", "64:128"],
    ]
    assert "org/theta" in text
    assert "give it to merge --mapping" in " ".join(text.split())
