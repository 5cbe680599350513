"""The paper's printed tables (figures only), as tests read them: every number as it is spelled."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from adamms.evaluation.score_table import ScoreTable, make_scores, score_table

FILE = Path(__file__).parent / "data" / "paper" / "tables.json"
PAIRS = ("1", "2", "10", "11", "12", "13")
"""The tables that compare the methods on a pair of models."""

PAPER: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"), parse_float=Decimal, parse_int=Decimal)
TABLES: dict[str, Any] = PAPER["tables"]
COLUMNS = (*PAPER["tasks"], "SUM")


def derived(number: str) -> ScoreTable:
    """One of the paper's tables from its raw scores."""
    printed = TABLES[number]
    scores = {name: row["scores"] for name, row in printed["rows"].items()}
    return score_table(make_scores(printed["base"], printed["donor"], PAPER["tasks"], scores))
