"""What a person reads after a run: tables, plots, the self-contained page, the model card."""
