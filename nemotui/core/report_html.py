"""A report as one HTML page that needs nothing else: no script, no font, no request; light, dark and on paper."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from nemotui.core.bench import Quantiles, TimelinePoint
from nemotui.core.bench_table import comparison as beside_rows
from nemotui.core.bench_table import latencies, totals
from nemotui.core.compare import Comparison
from nemotui.core.report import SHOWN, ReportRun, compared, swept_reasons, swept_rows, told
from nemotui.core.svg import Series, chart
from nemotui.core.sweep import SweepPoint, Swept, knee, sweep_sentence

_MOST_POINTS = 600  # of a line: more than the page has pixels says nothing

_STYLE = (
    """
:root{--paper:#fff;--ink:#1b1f24;--dim:#59636e;--rule:#d9dee3;--soft:#f4f6f8;--s0:#0b62c4;--s1:#b3541e;--s2:#1a7f4b;
--s3:#8a3ffc;--s4:#a3195b;--s5:#5d6b00}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e6eaee;--dim:#9aa5b1;--rule:#333a42;--soft:#1d2227;
--s0:#6cb2ff;--s1:#ffa46b;--s2:#5fd699;--s3:#c7a3ff;--s4:#ff8fbd;--s5:#cfdc63}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:60rem;padding:1.25rem 1rem 3rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 1rem}h2{font-size:1.2rem;margin:2.5rem 0 .5rem;overflow-wrap:anywhere}
.verdict{font-size:1.1rem;font-weight:600;margin:.25rem 0 1rem}
.remark{border-left:4px solid var(--s1);padding:.25rem .75rem;margin:.5rem 0;background:var(--soft)}
.scroll{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.925rem;min-width:min(100%,24rem)}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}th{color:var(--dim);font-weight:600}
table.facts td{text-align:left;white-space:normal;overflow-wrap:anywhere}table.facts td:first-child{white-space:nowrap;
color:var(--dim)}
td.better{color:var(--s2);font-weight:600}td.worse{color:var(--s4);font-weight:600}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
.charts.one{max-width:38rem}
figure{margin:0;border:1px solid var(--rule);border-radius:.4rem;padding:.75rem;break-inside:avoid}
figcaption{font-weight:600;margin-bottom:.25rem}.none{color:var(--dim)}
svg{display:block;width:100%;height:auto}svg text{fill:var(--dim);font-size:13px}
svg .x,svg .axis{text-anchor:middle}svg .y{text-anchor:end}svg .grid{stroke:var(--rule);stroke-width:1}
svg polyline{fill:none;stroke-width:2;stroke-linejoin:round}svg text.mark{text-anchor:middle;font-size:15px}
svg text.label{fill:var(--ink)}
.legend{display:flex;flex-wrap:wrap;gap:.1rem 1rem;font-size:.875rem}.legend i{display:inline-block;margin-right:.4rem;
font-style:normal}.legend i.line{width:1.4rem;border-top:2px solid;vertical-align:.25em}.legend i.bars{width:.8rem;
height:.8rem;background:currentColor;opacity:.75}
"""
    + "".join(
        f"polyline.s{i}{{stroke:var(--s{i})}}rect.s{i}{{fill:var(--s{i});opacity:.75}}"
        f"text.mark.s{i}{{fill:var(--s{i})}}.legend .s{i} i{{color:var(--s{i})}}"
        f"polyline.s{i}{{stroke-dasharray:{dash}}}.legend .s{i} i.line{{border-top-style:{style}}}\n"
        for i, (dash, style) in enumerate(
            (
                ("none", "solid"),
                ("7 4", "dashed"),
                ("2 3", "dotted"),
                ("12 4", "dashed"),
                ("8 3 2 3", "dashed"),
                ("4 4", "dotted"),
            )
        )
    )
    + """
@media print{body{max-width:none;font-size:11pt;padding:0}.scroll{overflow:visible}h2{break-after:avoid}}
"""
)


def html(runs: Sequence[ReportRun], comparisons: Sequence[Comparison], swept: Swept | None = None) -> str:
    """The page; a sweep stands above its runs."""
    title = "nemotui benchmark report"
    body = [f"<h1>{title}</h1>"]
    if swept is not None:
        body += [
            "<h2>The sweep</h2>",
            f'<p class="verdict">{escape(sweep_sentence(swept.points, whole=swept.whole))}</p>',
            *(_remark(why) for why in swept_reasons(swept)),
            f'<div class="charts one">{_pareto(swept)}</div>',
            _table(swept_rows(swept)),
        ]
    for comparison in comparisons:
        body += [
            f"<h2>{escape(comparison.b)} beside {escape(comparison.a)}</h2>",
            f'<p class="verdict">{escape(comparison.sentence)}</p>',
            *(_remark(caveat) for caveat in comparison.caveats),
            _table(compared(comparison, SHOWN)),
        ]
    if len(lived := [run for run in runs if run.timeline]) > 1:
        body += ["<h2>Over the runs</h2>", f'<div class="charts">{"".join(_together(lived))}</div>']
    for run in runs:
        body += [
            f"<h2>{escape(run.name)}</h2>",
            f'<p class="verdict">{escape(run.result["verdict"])}</p>',
            f"<p>{escape(totals(run.result))}</p>",
            _table(latencies(run.result)),
            _table(beside_rows(run.result)),
            f'<div class="charts">{"".join(_alone(run))}</div>' if run.timeline else "",
            _facts(told(run)),
        ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        # Whatever a label or a model's name holds, nothing is fetched and nothing runs.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        f'<link rel="icon" href="data:,"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _pareto(swept: Swept) -> str:
    per_gpu = all(point.per_gpu is not None for point in swept.points)
    best = knee(swept.points)
    beside = [swept.published] if swept.published else []
    kinds: list[tuple[str, Sequence[SweepPoint]]] = [
        ("a load", [point for point in swept.points if point is not best and not point.fault]),
        ("does not count", [point for point in swept.points if point.fault]),
        ("the knee", [best] if best else []),
        ("an earlier sweep", swept.earlier),
        ("published", beside),
    ]
    series = [
        Series(
            name=name,
            points=[(p.per_user, p.per_gpu if per_gpu else p.output_throughput) for p in points if p.per_user],
            kind="points",
            labels=[f"{p.load:g}" for p in points if p.per_user] if name != "an earlier sweep" else (),
        )
        for name, points in kinds  # those without any too: each kind keeps its mark
    ]
    y = "output tok/s per GPU" if per_gpu else "output tok/s"
    return chart("Throughput against each user's speed", "tok/s for each user", y, series)


def _remark(words: str) -> str:
    return f'<p class="remark">{escape(words)}</p>'


def _table(rows: Sequence[Sequence[str]]) -> str:
    def cells(row: Sequence[str]) -> str:
        return "".join(
            f'<td class="{cell}">{cell}</td>' if cell in ("better", "worse") else f"<td>{escape(cell)}</td>"
            for cell in row
        )

    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    lines = "".join(f"<tr>{cells(row)}</tr>" for row in rows[1:])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    lines = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<div class="scroll"><table class="facts"><tbody>{lines}</tbody></table></div>'


def _alone(run: ReportRun) -> list[str]:
    points = [point for point in run.timeline if point.phase == "run"]
    last = points[-1] if points else None
    return [
        _over_time("Output throughput", "tok/s", [Series(name="tok/s", points=_line(points, _throughput))]),
        _over_time("TTFT, each second", "ms", _both(points, lambda p: p.ttft)),
        _over_time("ITL, each second", "ms", _both(points, lambda p: p.itl)),
        _spread("TTFT, all requests", last.ttft_histogram if last else ()),
        _spread("ITL, all gaps", last.itl_histogram if last else ()),
    ]


def _together(runs: Sequence[ReportRun]) -> list[str]:
    def lines(pick: Callable[[TimelinePoint], float | None]) -> list[Series]:
        return [
            Series(name=run.name, points=_line([p for p in run.timeline if p.phase == "run"], pick)) for run in runs
        ]

    return [
        _over_time("Output throughput", "tok/s", lines(_throughput)),
        _over_time("TTFT p50, each second", "ms", lines(lambda p: p.ttft.p50_ms)),
        _over_time("ITL p50, each second", "ms", lines(lambda p: p.itl.p50_ms)),
    ]


def _throughput(point: TimelinePoint) -> float | None:
    return point.output_throughput


def _over_time(title: str, unit: str, series: Sequence[Series]) -> str:
    return chart(title, "seconds", unit, series)


def _both(points: Sequence[TimelinePoint], pick: Callable[[TimelinePoint], Quantiles]) -> list[Series]:
    return [
        Series(name="p50", points=_line(points, lambda p: pick(p).p50_ms)),
        Series(name="p99", points=_line(points, lambda p: pick(p).p99_ms)),
    ]


def _line(
    points: Sequence[TimelinePoint], pick: Callable[[TimelinePoint], float | None]
) -> list[tuple[float, float | None]]:
    step = -(-len(points) // _MOST_POINTS) or 1
    return [(point.elapsed_s, pick(point)) for point in points[::step]]


def _spread(title: str, buckets: Sequence[tuple[float, int]]) -> str:
    bars = Series(name="samples", points=[(x, float(n)) for x, n in buckets if x > 0], kind="bars")
    return chart(title, "ms", "samples", [bars], log_x=True)
