"""Markdown: a table, and paragraphs broken anew."""

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return a Markdown table whose first `left` columns are text."""
    rule = [*["---"] * left, *["---:"] * (len(heads) - left)]
    lines = [heads, rule, *rows]
    return "".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |\n" for line in lines)


def reflowed(text: str, *, width: int = 110) -> str:
    """Return Markdown with paragraphs and list items broken anew; tables, headings and HTML stay."""
    from textwrap import fill

    blocks = []
    for block in text.split("\n\n"):
        lines = block.split("\n")
        if any(line.startswith(("|", "#", "!", "<")) for line in lines if line):
            blocks.append(block)
            continue
        items: list[str] = []
        for line in lines:
            if line.startswith("- ") or not items:
                items.append(line)
            else:
                items[-1] += " " + line.strip()
        blocks.append(
            "\n".join(
                fill(
                    item,
                    width,
                    subsequent_indent="  " if item.startswith("- ") else "",
                    break_long_words=False,
                    break_on_hyphens=False,
                )
                for item in items
            )
        )
    return "\n\n".join(blocks)
