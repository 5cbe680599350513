"""What a person reads after a run: tables, plots, the self-contained page, the model card.

Each is imported when it is asked for: a merge writes a card and has no use for what draws tables.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adamms.reports.compare_page import build_comparison
    from adamms.reports.compared_runs import comparison_tables
    from adamms.reports.comparison import compare_runs
    from adamms.reports.model_card import write_model_card
    from adamms.reports.page import build_report
    from adamms.reports.signal_table import signals_table
    from adamms.reports.tables import candidates_table, inspection_tables, mapping_tables, mapping_totals
    from adamms.reports.weight_tables import discovery_table, similarity_table

__all__ = [
    "build_comparison",
    "build_report",
    "candidates_table",
    "compare_runs",
    "comparison_tables",
    "discovery_table",
    "inspection_tables",
    "mapping_tables",
    "mapping_totals",
    "signals_table",
    "similarity_table",
    "write_model_card",
]

FILES = {
    "build_comparison": "compare_page",
    "build_report": "page",
    "candidates_table": "tables",
    "compare_runs": "comparison",
    "comparison_tables": "compared_runs",
    "discovery_table": "weight_tables",
    "inspection_tables": "tables",
    "similarity_table": "weight_tables",
    "mapping_tables": "tables",
    "mapping_totals": "tables",
    "signals_table": "signal_table",
    "write_model_card": "model_card",
}


def __getattr__(name: str) -> Any:
    if name not in FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{FILES[name]}"), name)
