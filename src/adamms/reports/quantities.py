"""Numbers as people read them: counts, shares, parameters, bytes."""


def number(value: float | None) -> str:
    """A count, or a distance with three digits after the point; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")


def percent(share: float) -> str:
    """A share from 0 to 1 as `78.5%`."""
    return f"{share:.1%}"


def parameters(count: int) -> str:
    """Three significant digits and a unit: `8.29 B`, `675 M`, `512`."""
    return _scaled(count, ("", " K", " M", " B", " T"))


def size(count: int) -> str:
    """Bytes with a decimal unit: `16.6 GB`."""
    return _scaled(count, (" B", " kB", " MB", " GB", " TB"))


def _scaled(count: int, units: tuple[str, ...]) -> str:
    value, index = float(count), 0
    # 999.5 would be written as 1000 of the smaller unit.
    while value >= 999.5 and index < len(units) - 1:
        value, index = value / 1000, index + 1
    digits = 0 if index == 0 or value >= 99.95 else 1 if value >= 9.995 else 2
    return f"{value:.{digits}f}{units[index]}"
