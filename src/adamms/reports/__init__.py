"""What a person reads after a run: tables, plots, the self-contained page, the model card."""

from adamms.reports.compare_page import build_comparison
from adamms.reports.comparison import compare_runs
from adamms.reports.comparison_tables import comparison_tables
from adamms.reports.model_card import write_model_card
from adamms.reports.page import build_report
from adamms.reports.signal_table import signals_table
from adamms.reports.tables import candidates_table, inspection_tables, mapping_tables, mapping_totals
from adamms.reports.walk_table import walk_table
from adamms.reports.weight_tables import discovery_table, kinship_table

__all__ = [
    "build_comparison",
    "build_report",
    "candidates_table",
    "compare_runs",
    "comparison_tables",
    "discovery_table",
    "inspection_tables",
    "kinship_table",
    "mapping_tables",
    "mapping_totals",
    "signals_table",
    "walk_table",
    "write_model_card",
]
