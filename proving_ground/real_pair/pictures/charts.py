"""Bar charts by matplotlib: two to four large bars in different colours."""

import io
import random

from PIL import Image

from proving_ground.real_pair.pictures.picture import PIXELS
from proving_ground.real_pair.pictures.shapes import COLOURS

BAR_COLOURS = ("red", "green", "blue", "yellow", "orange", "purple", "black")
LEVELS = (2, 4, 6, 8, 10)
"""Heights of bars: no two of a chart are nearly equal."""


def bars_by_chance(rng: random.Random) -> list[tuple[str, int]]:
    """Draw the bars of a chart: colour and height, from left to right."""
    count = rng.choice((2, 3, 4))
    return list(zip(rng.sample(BAR_COLOURS, count), rng.sample(LEVELS, count), strict=True))


def bar_chart(bars: list[tuple[str, int]], *, grid: bool, width: float) -> Image.Image:
    """Draw a bar chart; axes without words, since words this small could not be read."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PIXELS / 50, PIXELS / 50), dpi=100)
    axes = figure.add_axes((0.08, 0.06, 0.88, 0.9))
    shades = [tuple(value / 255 for value in COLOURS[colour]) for colour, _ in bars]
    axes.bar(range(len(bars)), [height for _, height in bars], width=width, color=shades)
    axes.set_ylim(0, 10.6)
    axes.set_xlim(-0.6, len(bars) - 0.4)
    axes.tick_params(labelbottom=False, labelleft=False)
    axes.grid(grid, axis="y")
    axes.set_axisbelow(True)
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_png(stream)
    return Image.open(stream).convert("RGB").resize((PIXELS, PIXELS), Image.Resampling.BOX)
