"""Bar charts as SVG, by hand: readable in light and dark, on paper and without colours (every bar has its number)."""
from html import escape

from figures import number

WIDTH, LEFT, RIGHT, BAR, GAP, TOP = 800, 250, 120, 22, 10, 58
STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-weight: 600; font-size: 14px; }
.bar { fill: #8a93a0; } .ours { fill: #2c6fbb; } .spread { stroke: #1f2328; stroke-width: 1.5; fill: none; }
.back { fill: #ffffff; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .back { fill: #0d1117; } .bar { fill: #6e7681; } .ours { fill: #58a6ff; } .spread { stroke: #e6edf3; }
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


def _short(label, limit=34):
    return label if len(label) <= limit else label[:limit - 1] + "…"
