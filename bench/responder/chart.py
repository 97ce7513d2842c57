"""Charts as SVG, by hand: readable in light and dark, on paper and without colours (every bar and line has its words)."""
from html import escape

from figures import number

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 800, 250, 120, 22, 10, 58
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 14px; }
.bar { fill: #8a93a0; } .ours { fill: #2c6fbb; } .spread { stroke: #1f2328; stroke-width: 1.5; fill: none; }
.line { stroke: #2c6fbb; stroke-width: 1.5; fill: none; } .axis { stroke: #8a93a0; fill: none; }
.back { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .line { stroke: #58a6ff; } .axis { stroke: #6e7681; } .back { fill: #0d1117; } .bar { fill: #6e7681; } .ours { fill: #58a6ff; } .spread { stroke: #e6edf3; }
}
</style>"""


def bars(title, unit, figures):
    """SVG text. figures: [(label, Figure)]; the bar is the median, the line over it reaches from the least to the most."""
    most = max((figure.most for _, figure in figures), default=0) or 1
    height = TOP + len(figures) * (BAR + GAP) + 6
    scale = (WIDTH - LEFT - RIGHT) / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">',
           f"<title>{escape(title)}, {escape(unit)}</title>", STYLE, f'<rect class="back" width="{WIDTH}" height="{height}"/>',
           f'<text class="title" x="12" y="24">{escape(_short(title, 96))}</text>',
           f'<text x="12" y="44">{escape(unit)}</text>']
    for place, (label, figure) in enumerate(figures):
        y = TOP + place * (BAR + GAP)
        middle, width = y + BAR / 2, figure.median * scale
        kind = "bar ours" if label.startswith("muster") else "bar"
        out += [f'<text x="{LEFT - 10}" y="{middle + 4.5:.1f}" text-anchor="end">{escape(_short(label))}</text>',
                f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{max(width, 1):.1f}" height="{BAR}"/>',
                f'<path class="spread" d="M{LEFT + figure.least * scale:.1f} {middle - 4}v8m0-4H{LEFT + figure.most * scale:.1f}m0-4v8"/>',
                f'<text x="{LEFT + max(figure.most * scale, 1) + 10:.1f}" y="{middle + 4.5:.1f}">{number(figure.median)}</text>']
    return "\n".join(out + ["</svg>", ""])


HEIGHT, POINTS = 360, 400  # of a chart of lines; points of a line: the most of each stretch


def lines(title, unit, series):
    """SVG text. series: name -> [(x, y)], drawn from nothing up; each has its name at its end."""
    every = [point for points in series.values() for point in points]
    x_most, y_most = (max((point[axis] for point in every), default=0) or 1 for axis in (0, 1))
    left, bottom = 60, HEIGHT - 30
    x_scale, y_scale = (WIDTH - left - RIGHT) / x_most, (bottom - TOP) / y_most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
           f"<title>{escape(title)}, {escape(unit)}</title>", STYLE, f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>',
           f'<text class="title" x="12" y="24">{escape(_short(title, 96))}</text>', f'<text x="12" y="44">{escape(unit)}</text>',
           f'<path class="axis" d="M{left} {TOP}V{bottom}H{WIDTH - RIGHT}"/>',
           f'<text x="{left - 8}" y="{TOP + 8}" text-anchor="end">{number(y_most)}</text><text x="{left - 8}" y="{bottom}" text-anchor="end">0</text>',
           f'<text x="{WIDTH - RIGHT}" y="{bottom + 20}" text-anchor="middle">{number(x_most)}</text>']
    ends = []
    for name, points in series.items():
        kept = [max(points[at:at + step], key=lambda point: point[1]) for step in (len(points) // POINTS + 1,) for at in range(0, len(points), step)]
        path = "L".join(f"{left + x * x_scale:.1f} {bottom - y * y_scale:.1f}" for x, y in kept)
        out.append(f'<path class="line" d="M{path}"/>')
        ends.append((bottom - kept[-1][1] * y_scale, name))
    least = 0.0
    for y, name in sorted(ends):  # names do not stand on each other
        least = max(y + 4, least + 16)
        out.append(f'<text x="{WIDTH - RIGHT + 8}" y="{least:.1f}">{escape(_short(name, 16))}</text>')
    return "\n".join(out + ["</svg>", ""])


def _short(label, limit=34):
    return label if len(label) <= limit else label[:limit - 1] + "…"
