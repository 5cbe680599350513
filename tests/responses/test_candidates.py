"""How candidates are spelled in file names."""

from adamms.responses import format_alpha


def test_file_names_are_short_and_never_shared() -> None:
    assert [format_alpha(alpha) for alpha in (0.0, 0.1, 0.25, 1.0)] == ["0.00", "0.10", "0.25", "1.00"]
    assert format_alpha(0.1 + 0.2) == "0.30"
    alphas = [index / 1000 for index in range(101)]
    assert len({format_alpha(alpha) for alpha in alphas}) == len(alphas)
    assert [float(format_alpha(alpha)) for alpha in alphas] == alphas
