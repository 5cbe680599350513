"""What a person reads after a run: tables, plots, the self-contained page, the model card."""

from adamms.reports.model_card import write_model_card
from adamms.reports.page import build_report
from adamms.reports.signal_table import signals_table
from adamms.reports.tables import candidates_table, inspection_tables, mapping_tables, mapping_totals
from adamms.reports.weight_tables import discovery_table, kinship_table

__all__ = [
    "build_report",
    "candidates_table",
    "discovery_table",
    "inspection_tables",
    "kinship_table",
    "mapping_tables",
    "mapping_totals",
    "signals_table",
    "write_model_card",
]
