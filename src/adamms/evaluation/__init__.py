"""Scoring answers against known ones, for readers of a search; never for the search itself."""
