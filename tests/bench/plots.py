"""Plots as plain SVG: bars in groups, lines over a logarithmic axis. No program is needed."""
import math

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 860, 380, 70, 78, 56, 20
COLOURS = ("#1f5fa8", "#b8b8b8", "#d1782c", "#4f9b58", "#8a5bb0", "#c0392b")
FONT = 'font-family="sans-serif"'


def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def short(value):
    """A number as people write it."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


class Axis:
    """Values to heights, straight or logarithmic, with the marks beside it."""

    def __init__(self, values, log):
        values = [v for v in values if v > 0] or [1]
        self.log = log
        if log:
            self.low, self.high = math.floor(math.log10(min(values) / 1.5)), math.ceil(math.log10(max(values)))
            self.high = max(self.high, self.low + 1)
            self.marks = [10.0 ** n for n in range(self.low, self.high + 1)]
        else:
            step = 10.0 ** math.floor(math.log10(max(values)))
            step = step if max(values) / step > 4 else step / 2 if max(values) / step > 2 else step / 4
            self.low, self.high = 0.0, math.ceil(max(values) * 1.02 / step) * step
            self.marks = [i * step for i in range(int(round(self.high / step)) + 1)]

    def y(self, value):
        at = (math.log10(max(value, 10.0 ** self.low)) if self.log else value) - self.low
        return HEIGHT - BOTTOM - at / (self.high - self.low) * (HEIGHT - BOTTOM - TOP)


def frame(title, unit, axis, names):
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
             f'<text x="{LEFT}" y="22" {FONT} font-size="15" fill="#222">{escape(title)}</text>',
             f'<text x="{LEFT}" y="42" {FONT} font-size="11" fill="#555">{escape(unit)}{" (logarithmic)" if axis.log else ""}</text>']
    for mark in axis.marks:
        y = axis.y(mark)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" {FONT} font-size="11" fill="#555" text-anchor="end">{short(mark)}</text>')
    x = WIDTH - RIGHT
    for i, name in reversed(list(enumerate(names))):
        x -= 7 * len(name) + 10
        parts.append(f'<text x="{x + 2}" y="42" {FONT} font-size="12" fill="#222">{escape(name)}</text>')
        x -= 14
        parts.append(f'<rect x="{x}" y="32" width="11" height="11" fill="{COLOURS[i % len(COLOURS)]}"/>')
    return parts


def labels(parts, x, text):
    for n, line in enumerate(str(text).split("\n")):
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16 + 14 * n}" {FONT} font-size="11" fill="#222" text-anchor="middle">{escape(line)}</text>')


def bars(title, unit, groups, names, log=False):
    """groups: (label, [figure or None for each name]); a figure has median, min and max."""
    figures = [f for _, found in groups for f in found if f]
    axis = Axis([f[k] for f in figures for k in ("min", "max")], log)
    parts = frame(title, unit, axis, names)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(groups))
    wide = min(46.0, room * 0.8 / max(1, len(names)))
    for g, (label, found) in enumerate(groups):
        middle = LEFT + room * (g + 0.5)
        labels(parts, middle, label)
        for i, f in enumerate(found):
            if not f:
                continue
            x, y = middle + (i - len(names) / 2) * wide, axis.y(f["median"])
            parts.append(f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{wide - 2:.1f}" height="{HEIGHT - BOTTOM - y:.1f}" fill="{COLOURS[i % len(COLOURS)]}"/>')
            centre = x + wide / 2
            parts.append(f'<line x1="{centre:.1f}" x2="{centre:.1f}" y1="{axis.y(f["min"]):.1f}" y2="{axis.y(f["max"]):.1f}" stroke="#222"/>')
            if wide >= 18:
                parts.append(f'<text x="{centre:.1f}" y="{axis.y(f["max"]) - 4:.1f}" {FONT} font-size="10" fill="#222" text-anchor="middle">'
                             f'{short(f["median"])}</text>')
    return "\n".join(parts + ["</svg>", ""])


def lines(title, unit, points, names, log=True):
    """points: (label of x, [figure or None for each name]), left to right at equal distances."""
    axis = Axis([f[k] for _, found in points for f in found if f for k in ("min", "max")], log)
    parts = frame(title, unit, axis, names)
    room = (WIDTH - LEFT - RIGHT) / max(1, len(points))
    for p, (label, _) in enumerate(points):
        labels(parts, LEFT + room * (p + 0.5), label)
    for i, _ in enumerate(names):
        colour, path = COLOURS[i % len(COLOURS)], []
        for p, (_, found) in enumerate(points):
            if found[i]:
                x, y = LEFT + room * (p + 0.5), axis.y(found[i]["median"])
                path.append(f"{x:.1f},{y:.1f}")
                parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')
                parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{axis.y(found[i]["min"]):.1f}" y2="{axis.y(found[i]["max"]):.1f}" stroke="{colour}"/>')
        parts.append(f'<polyline points="{" ".join(path)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return "\n".join(parts + ["</svg>", ""])
