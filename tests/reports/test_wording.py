"""Numbers as people read them."""

import pytest

from adamms.reports.wording import number, parameters, percent, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 K"),
        (5264, "5.26 K"),
        (99_960, "100 K"),
        (999_600, "1.00 M"),
        (494_032_768, "494 M"),
        (8_291_375_616, "8.29 B"),
        (72_706_203_648, "72.7 B"),
    ],
)
def test_parameters_have_three_digits_and_a_unit(count: int, text: str) -> None:
    assert parameters(count) == text


def test_sizes_counts_and_shares() -> None:
    assert [size(count) for count in (72, 456_000, 16_600_000_000)] == ["72 B", "456 kB", "16.6 GB"]
    assert [number(value) for value in (None, 0, 12_345, 3.0, 0.12345)] == ["–", "0", "12,345", "3", "0.123"]
    assert percent(0.785) == "78.5%"
