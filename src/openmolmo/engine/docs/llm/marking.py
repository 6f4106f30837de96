"""The program that finds the marks of a stranger's figure: it runs in the sandbox, after the stranger's code.

It is sent as text, knows nothing of this project, and expects ``chart`` (a dictionary) and a current figure.
"""

__all__ = ["HARNESS"]

HARNESS = """
import json as _json

import matplotlib.pyplot as _plt


def _collect(chart):
    numbers = _plt.get_fignums()
    if len(numbers) != 1:
        raise SystemExit("the code must make one figure with matplotlib.pyplot, there are %d" % len(numbers))
    figure = _plt.figure(numbers[0])
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    width, height = figure.canvas.get_width_height(physical=True)
    if max(width, height) > 3000:
        raise SystemExit("the figure has %d x %d pixels, at most 3000 of a side" % (width, height))
    marks = []

    def box(extent):
        return [float(extent.x0), height - float(extent.y1), float(extent.x1), height - float(extent.y0)]

    def add(role, extent, text="", **datum):
        if extent.width > 0 and extent.height > 0:
            marks.append([role, box(extent), text, datum])

    def text(role, artist):
        if artist.get_visible() and artist.get_text().strip():
            add(role, artist.get_window_extent(renderer), artist.get_text().strip())

    if figure._suptitle is not None:
        text("title", figure._suptitle)
    for legend in figure.legends:
        for one in legend.get_texts():
            text("legend", one)
    series, categories, shown = chart["series"], chart["categories"], chart["shown"]

    def number_of(label, place):
        return series.index(label) if label in series else place

    values = []
    for axes in figure.axes:
        text("title", axes.title)
        text("label", axes.xaxis.label)
        text("label", axes.yaxis.label)
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for at, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels()):
                if low <= at <= high and axes.axison:
                    text("axis", label)
        legend = axes.get_legend()
        for one in legend.get_texts() if legend is not None else ():
            text("legend", one)
        bars = [one for one in axes.containers if hasattr(one, "patches")]
        for place, container in enumerate(bars):
            row = number_of(container.get_label(), place)
            if row < len(series) and len(container.patches) == len(categories):
                for column, patch in enumerate(container.patches):
                    add("bar", patch.get_window_extent(renderer), series=row, category=column)
        lines = [one for one in axes.lines if len(one.get_xdata()) == len(categories)]
        for place, line in enumerate(lines):
            row = number_of(line.get_label(), place)
            if bars or row >= len(series):
                continue
            for column, point in enumerate(line.get_xydata()):
                x, y = axes.transData.transform(point)
                marks.append(["point", [x - 5, height - y - 5, x + 5, height - y + 5], "",
                              {"series": row, "category": column}])
        wedges = [one for one in axes.patches if hasattr(one, "theta1")]
        if len(wedges) == len(categories):
            for column, wedge in enumerate(wedges):
                add("slice", wedge.get_window_extent(renderer), series=0, category=column)
        for one in axes.texts:
            said = one.get_text().strip()
            if not one.get_visible() or not said:
                continue
            if said in categories:
                marks.append(["axis", box(one.get_window_extent(renderer)), said, {}])
            else:
                values.append([said, box(one.get_window_extent(renderer))])

    def middle(one):
        return (one[0] + one[2]) / 2, (one[1] + one[3]) / 2

    # A number belongs to the nearest mark of those that show it.
    places = {(m[3]["series"], m[3]["category"]): m[1] for m in marks if m[0] in ("bar", "point", "slice")}
    for said, where in values:
        fitting = [
            (row, column) for (row, column) in places if shown[row][column] == said
        ]
        x, y = middle(where)
        def far(key):
            px, py = middle(places[key])
            return (px - x) ** 2 + (py - y) ** 2
        if fitting:
            row, column = min(fitting, key=far)
            marks.append(["value", where, said, {"series": row, "category": column}])
        else:
            marks.append(["word", where, said, {}])
    figure.savefig("picture.png", dpi=figure.dpi)
    with open("marks.json", "w") as file:
        _json.dump(marks, file)


_collect(chart)
"""
"""Leaves ``picture.png`` and ``marks.json``: a list of (role, box, text, datum)."""
