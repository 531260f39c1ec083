"""The charts of a benchmark: what each shows, and as many of them beside each other as there is room for.

All histories of one picture share their time axis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.content import Content

from nemotui.core.show import duration, number
from nemotui.ui.states.bench import BenchState
from nemotui.ui.widgets.history import band, nice_top

_STYLE, _LIGHT = "$secondary", "$band"
_WIDTH, _HEIGHT = 36, 5  # what a chart needs to say something
_MOST_COLUMNS = 4
_GUTTER = 3
_PEAK = 4  # times the highest lower figure: what stands above is cut
_AXIS_FROM = 6  # lines of a chart from which one is spent on its axis

Words = Callable[[BenchState], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """`low` and `high` are figures of the state's trails, `top` a fixed scale; or it is the histogram of `low`.

    `cut`: a peak of `high` far above `low` does not shrink the rest; the words say how high it was.
    """

    title: str
    unit: str
    words: Words
    low: str
    high: str | None = None
    top: float | None = None
    cut: bool = False
    histogram: bool = False


def _quantiles(name: str, digits: int) -> Words:
    def words(state: BenchState) -> str:
        if state.latest is None:
            return ""
        so_far = getattr(state.latest, f"{name}_so_far")
        return f"p50 {number(so_far.p50_ms, digits=digits)} p99 {number(so_far.p99_ms, 'ms', digits)}"

    return words


def _flight(state: BenchState) -> str:
    return f"{state.latest.in_flight:,} in flight, {state.latest.waiting:,} waiting" if state.latest else ""


def _server(state: BenchState) -> str:
    server = state.seen.server if state.seen else None
    return f"{number(server.running)} running, {number(server.waiting)} waiting" if server else ""


def _output(state: BenchState) -> str:
    return number(state.latest.output_throughput, "tok/s") if state.latest else ""


def _kv_cache(state: BenchState) -> str:
    usage = state.seen.server.kv_cache_usage if state.seen else None
    return number(None if usage is None else usage * 100, "%", 1)


def _power(state: BenchState) -> str:
    if state.seen is None or not state.seen.gpus:
        return "n/a"
    return f"{number(state.seen.power_w, 'W')}, {state.seen.gpus} GPU{'s' if state.seen.gpus > 1 else ''}"


def _load(state: BenchState) -> str:
    return number(state.seen.utilization_percent if state.seen else None, "%")


def _lag(state: BenchState) -> str:
    point = state.latest
    if point is None or point.lag_p99_us is None:
        return "n/a"
    cpu = "" if point.worker_cpu is None else f", {number(point.worker_cpu * 100, '% CPU')}"
    return f"p99 {number(point.lag_p99_us / 1000, 'ms', 2)}{cpu}"


def _hits(state: BenchState) -> str:
    return number(state.prefix_hits, "%", 1)


CHARTS: Sequence[Chart] = (
    Chart(title="TTFT", unit="ms", words=_quantiles("ttft", 0), low="ttft_p50", high="ttft_p99", cut=True),
    Chart(title="ITL", unit="ms", words=_quantiles("itl", 1), low="itl_p50", high="itl_p99", cut=True),
    Chart(title="Output", unit="tok/s", words=_output, low="throughput"),
    Chart(title="Requests", unit="", words=_flight, low="waiting", high="in_flight"),
    Chart(title="Server", unit="", words=_server, low="running", high="requests"),
    Chart(title="KV cache", unit="%", words=_kv_cache, low="kv_cache", top=100),
    Chart(title="GPU power", unit="W", words=_power, low="power"),
    Chart(title="GPU load", unit="%", words=_load, low="utilization", top=100),
    Chart(title="TTFT so far", unit="", words=_quantiles("ttft", 0), low="ttft_histogram", histogram=True),
    Chart(title="ITL so far", unit="", words=_quantiles("itl", 1), low="itl_histogram", histogram=True),
    Chart(title="Clock lag", unit="ms", words=_lag, low="lag"),
    Chart(title="Prefix hits", unit="%", words=_hits, low="prefix_hits", top=100),
)


def grid(state: BenchState, width: int, height: int, *, selected: int, zoomed: bool) -> list[Content]:
    """As many charts as fit, the page with the selected one; zoomed that one alone. Empty where nothing fits."""
    if height < 2 or width < 10:
        return []
    columns = 1 if zoomed else max(1, min(_MOST_COLUMNS, width // _WIDTH))
    rows = 1 if zoomed else max(1, min(-(-len(CHARTS) // columns), height // _HEIGHT))
    page = selected // (columns * rows)
    shown = range(page * columns * rows, min(len(CHARTS), (page + 1) * columns * rows))
    room = (width - _GUTTER * (columns - 1)) // columns
    high = height // rows
    lines: list[Content] = []
    for first in range(shown.start, shown.stop, columns):
        beside = [
            _chart(state, CHARTS[n], room, high, selected=n == selected)
            for n in range(first, min(first + columns, shown.stop))
        ]
        lines += [Content(" " * _GUTTER).join(cells) for cells in zip(*beside, strict=True)]
    return lines


def _chart(state: BenchState, chart: Chart, width: int, height: int, *, selected: bool) -> list[Content]:
    """A title with the figures and the top of the scale, the picture, and below it the axis where there is room."""
    body_height = height - 1 - (1 if height >= _AXIS_FROM else 0) - (1 if height > 3 else 0)
    if chart.histogram:
        body, top, axis = _histogram(state, chart, width, max(body_height, 1))
    else:
        body, top, axis = _history(state, chart, width, max(body_height, 1))
    title = Content.assemble((chart.title, "bold $primary underline" if selected else "bold"), " ", chart.words(state))
    room = width - title.cell_length - len(top)
    head = Content.assemble(title, (" " * room + top, "$muted")) if room > 0 else title
    lines = [head, *body]
    if height >= _AXIS_FROM:
        lines.append(Content.styled(axis, "$muted"))
    lines += [Content("")] * (height - len(lines))
    return [line.truncate(width, ellipsis=True, pad=True) for line in lines[:height]]


def _history(state: BenchState, chart: Chart, width: int, height: int) -> tuple[list[Content], str, str]:
    low = state.history(chart.low, width)
    high = state.history(chart.high, width) if chart.high else [None] * width
    known = [value for value in (*low, *high) if value is not None]
    most = max(known, default=0.0)
    if chart.cut and (usual := max((value for value in low if value is not None), default=0.0)):
        most = min(most, _PEAK * usual)
    top = chart.top or nice_top(most)
    scale = number(top, chart.unit, 0 if top >= 10 else 1) if known else ""
    left, right = "0:00", duration(state.axis_s)
    axis = left + right.rjust(width - len(left))
    return band(low, high, top, height, _STYLE, _LIGHT), scale, axis


def _histogram(state: BenchState, chart: Chart, width: int, height: int) -> tuple[list[Content], str, str]:
    """How often each length was seen: columns of equal ratio from the shortest to the longest, counts by height."""
    buckets = getattr(state.latest, chart.low) if state.latest is not None else ()
    if not buckets:
        return [Content("")] * height, "", ""
    counts = fitted(buckets, width)
    each = width // len(counts)
    cells: list[float | None] = [count or None for count in counts for _ in range(each)]
    left = f"{number(buckets[0][0], digits=1)} ms"
    right = f"{number(buckets[-1][0], digits=1)} ms"
    axis = left + right.rjust(max(len(right) + 1, each * len(counts) - len(left)))
    return band(cells, [None] * len(cells), max(counts), height, _STYLE, _LIGHT), f"{max(counts):,}", axis


def fitted(buckets: Sequence[tuple[float, int]], width: int) -> list[int]:
    """Counts of neighbouring buckets, eight in an octave, the empty ones between them too, joined until they fit."""
    places: dict[int, int] = {}
    for edge_ms, count in buckets:
        place = _place(edge_ms)
        places[place] = places.get(place, 0) + count
    counts = [places.get(place, 0) for place in range(min(places), max(places) + 1)]
    together = -(-len(counts) // width)
    return [sum(counts[i : i + together]) for i in range(0, len(counts), together)]


def _place(edge_ms: float) -> int:
    """The number of the bucket that begins at this edge: as `Histogram.buckets` makes them, in whole microseconds."""
    us = round(edge_ms * 1000)
    if us < 16:
        return us
    shift = us.bit_length() - 4
    return 8 * shift + (us >> shift)
