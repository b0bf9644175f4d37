"""docs/performance.md and its pictures from a run's JSON."""
import json
import os
import pathlib
import platform
import statistics
import sys

PEERS = ["holdfast", "haproxy", "nginx", "envoy", "caddy"]
COLOURS = {"holdfast": "#1f5fbf", "haproxy": "#8a94a0", "nginx": "#5f9e6e", "envoy": "#b5651d", "caddy": "#9a6fb0"}

PROTOCOLS = {"h1": "HTTP/1.1", "h2": "HTTP/2"}
WHAT = {
    "b1 h1 1k": "HTTP/1.1, 1 KiB", "b7 h1 64k": "HTTP/1.1, 64 KiB", "b8 h1 post 1k": "HTTP/1.1 POST of 1 KiB", "b2 h1 tls 1k": "HTTP/1.1 over TLS, 1 KiB", "b3 h1 tls 64k": "HTTP/1.1 over TLS, 64 KiB",
    "b4 h2 tls 1k": "HTTP/2 (16×16 streams) to HTTP/1.1, 1 KiB", "b5 h2 tls 64k": "HTTP/2 to HTTP/1.1, 64 KiB", "b6 h2 post 1k": "HTTP/2 POST of 1 KiB",
    "c1 ws 64B": "WebSocket, 64 B", "c2 ws 1k": "WebSocket, 1 KiB", "c3 ws 64k": "WebSocket, 64 kB",
    "c4 wss 64B": "WebSocket over TLS, 64 B", "c5 wss 1k": "WebSocket over TLS, 1 KiB", "c6 wss 64k": "WebSocket over TLS, 64 kB",
    "c7 wss h2 64B": "WebSocket by HTTP/2 (RFC 8441), 64 B", "c8 wss h2 1k": "WebSocket by HTTP/2 (RFC 8441), 1 KiB", "c8 wss h2 64k": "WebSocket by HTTP/2 (RFC 8441), 64 kB",
    "c9 handshakes": "WebSocket opened and closed", "c9 handshakes tls": "WebSocket opened and closed, TLS, a session of its own",
    "c9 handshakes resumed": "WebSocket opened and closed, TLS, session resumed", "c9 handshakes h2": "WebSocket opened and closed by HTTP/2 (RFC 8441)",
}
RATES = ("rps", "messages_per_s", "handshakes_per_s")
BESIDE, LASTING, IDLE = "a pages beside streams", "e streams through changes", "d idle streams"
START, FEW, MANY = "f1 start", "f2 effect, few", "f3 effect, many"


def bars(title, rows, unit, file):
    """rows: (label, {peer: value}); shorter is better."""
    width, left, bar, gap = 760, 250, 12, 16
    top = max(v for _, by in rows for v in by.values())
    y, out = 46, []
    for label, by in rows:
        out.append(f'<text x="{left - 10}" y="{y + len(by) * bar / 2 + 4}" text-anchor="end" class="l">{label}</text>')
        for peer in (p for p in PEERS if p in by):
            w = max(1, by[peer] / top * (width - left - 90))
            out.append(f'<rect x="{left}" y="{y}" width="{w:.1f}" height="{bar - 2}" fill="{COLOURS[peer]}"/>'
                       f'<text x="{left + w + 6:.1f}" y="{y + 9}" class="v">{peer} {by[peer]:.1f}</text>')
            y += bar
        y += gap
    svg = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" role="img" aria-label="{title}">'
           '<style>text{font:11px system-ui,sans-serif;fill:#445}.t{font-size:15px;font-weight:600}.v{font-size:10px}'
           '@media(prefers-color-scheme:dark){text{fill:#cdd5dd}}</style>'
           f'<text x="0" y="18" class="t">{title}</text><text x="0" y="34">{unit}; shorter is better</text>{"".join(out)}</svg>\n')
    file.write_text(svg)


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


MEASURED_EARLIER = """`egctl x translate` of Envoy Gateway 1.9 was measured earlier, on a machine of the same kind: 90 s of processor time for 1,000
HTTPRoutes, and 10,000 not done after 733 s; its translation alone, in memory: 0.04 to 0.13 s to its IR for 1,000, 0.4 to 0.8 s for 10,000."""


def seconds(step):
    return f"{step['ms'] / 1000:.2f} ({step['cpu_ms'] / 1000:.2f})"


def translation(whole):
    if TRANSLATION not in whole:
        return
    run = whole[TRANSLATION]
    ours, sizes = run["holdfast"], sorted(run["holdfast"], key=int)
    add = lambda a, b: {k: a[k] + b[k] for k in ("ms", "cpu_ms")}
    what = {
        "new process: files read and validated": lambda r: r["cold"]["read"],
        "new process: translated": lambda r: r["cold"]["translate"],
        "new process: from files to plan": lambda r: add(r["cold"]["read"], r["cold"]["translate"]),
        "warm process: files read and validated": lambda r: r["warm"]["read"],
        "warm process: translated": lambda r: r["warm"]["translate"],
        "one route changed: read again": lambda r: r["one changed"]["read"],
        "one route changed: translated again": lambda r: r["one changed"]["translate"],
        "`check`, the whole command": lambda r: r["check"],
        "`translate --to plan`, the whole command": lambda r: r["translate"],
    }
    growth = lambda get: get(ours[sizes[-1]])["cpu_ms"] / max(get(ours[sizes[0]])["cpu_ms"], 1)
    rows = [[label, *(seconds(get(ours[n])) for n in sizes), f"{growth(get):.1f}"] for label, get in what.items()]
    rows.append(["memory until the first plan, MB", *(f"{ours[n]['peak_mb']:.0f}" for n in sizes), f"{ours[sizes[-1]]['peak_mb'] / ours[sizes[0]]['peak_mb']:.1f}"])
    rows.append(["memory of `check`, MB", *(f"{ours[n]['check']['peak_mb']:.0f}" for n in sizes), f"{ours[sizes[-1]]['check']['peak_mb'] / ours[sizes[0]]['check']['peak_mb']:.1f}"])
    last = ours[sizes[-1]]
    share = lambda whole, key: sum(last["one changed"][s][key] for s in ("read", "translate")) / sum(last[whole][s][key] for s in ("read", "translate"))
    out = f"""## Translating many routes

HTTPRoutes in files of twenty, each with a host name, two matches, a filter, a Service of its own, and a BackendTrafficPolicy on their Gateway.
"From files to plan" reads and validates everything (fields, CEL rules, references) and translates; a JVM that has just begun, as
`./holdfast` starts it; the commands count from their start to their end, with the JVM's, lints and printing. Median of {run['rounds']} processes;
seconds of wall time, in brackets of processor time; growth by processor time. Other work on the machine while it ran: load average
{min(run['load']):.1f} to {max(run['load']):.1f} on {os.cpu_count()} cores, so the wall times are upper bounds.

""" + table(["", *(f"{int(n):,} routes" for n in sizes), "growth"], rows)
    out += f"""
The fastest of the new processes came from files to plan in {" and ".join(f"{run['fastest_ms'][n] / 1000:.2f} s ({int(n):,} routes)" for n in sizes)}.
One route changed of {int(sizes[-1]):,}: {share('cold', 'cpu_ms'):.1%} of the processor time of a new process, {share('warm', 'cpu_ms'):.1%} of a warm one's from scratch.
"""
    if run["egctl"]:
        rows = []
        for n, took in run["egctl"].items():
            check = ours.get(n, {}).get("check")
            rows.append([f"{int(n):,}", seconds(took), f"{took['peak_mb']:.0f}", f"{took['cpu_ms'] / check['cpu_ms']:.0f}" if check else "-"])
        out += "\n`egctl x translate --to ir` of the same manifests, once each; the factor is its processor time over that of our `check`.\n\n" + table(
            ["routes", "seconds", "memory, MB", "factor"], rows)
    yield out + ("" if run["egctl"] else "\n") + "\n" + MEASURED_EARLIER + "\n"


def main():
    """What has been measured beside the scenarios goes into the same JSON; then the page is made anew from it."""
    docs, extra = pathlib.Path(sys.argv[1]), dict(zip(sys.argv[2::2], sys.argv[3::2]))
    file = docs / "performance.json"
    run = json.loads(file.read_text())
    if extra:
        run |= {KEPT[option]: json.loads(pathlib.Path(name).read_text()) for option, name in extra.items()}
        file.write_text(json.dumps(run, indent=1) + "\n")
    parts = [HEAD.format(cores=os.cpu_count(), kernel=platform.release().split("-")[0]), *per_request(run, docs), *beside(run), *lasting(run), *idle(run), *moments(run),
             *small_ones(run), *translation(run), behind(run), (docs / "performance-notes.md").read_text()]
    (docs / "performance.md").write_text("\n".join(p.rstrip("\n") + "\n" for p in parts if p))


SMALL, TRANSLATION = "small benchmarks", "translation"
KEPT = {"--small": SMALL, "--translation": TRANSLATION}
HEAD = """# Performance

Made by `bench/run`: each peer in turn before the same backend on the same machine ({cores} cores, Linux {kernel}), which also
carries backend and load. In a round one process of each peer goes through all rows of a table, with seconds of the same load before a row is
measured: a gateway is up for weeks, and a JVM still compiles in its first quarter of a minute. Peers: HAProxy (nbthread 2, master and
worker), nginx (2 workers), Envoy 1.40 (concurrency 2, routes from a file by RDS), Caddy 2.11 (GOMAXPROCS 2), Holdfast (2 event loops). All have access logs off, one P-256
certificate, TLS 1.2 and 1.3 with session tickets, and connections to backends that are kept, more than any row has requests under way; the load speaks TLS 1.3 by X25519. Their whole settings are in
[bench/peers.py](../bench/peers.py), reviewed for whatever would hold one of them back; what is not said there is each one's default. Processor time is the proxy's own, so that it does not depend on what load and backend take.
Figures are for comparing columns of one row, not for comparing with another machine. "-": the peer does not do this.
"""


def peers_of(*scenarios):
    return [p for p in PEERS if any(p in by for by in scenarios)]


def how(scenario, *what):
    """How a table was measured; a machine with other work to do is told."""
    s, load = scenario["settings"], scenario.get("load")
    out = "; ".join(w.format_map({"turns": 1} | s) for w in what)
    return out + (f"; load average {load[0]:.0f} to {load[1]:.0f} on {os.cpu_count()} cores, load and backend included.\n" if load else "; nothing else ran on the machine.\n")


def together(scenarios):
    """Of rows that were measured differently, from which to which."""
    loads = [edge for s in scenarios for edge in s.get("load", [])]
    def said(key):
        values = {int(s["settings"].get(key, 1)) for s in scenarios}
        return " to ".join(str(v) for v in sorted({min(values), max(values)}))

    return {"settings": {key: said(key) for key in ("rounds", "turns", "warm")}} | ({"load": [min(loads), max(loads)]} if loads else {})


def factor(scenario, peer):
    """A peer's processor time over ours: the median of the turns, each beside ours of the same turn."""
    of, ours = scenario["rounds"].get(peer), scenario["rounds"].get("holdfast")
    if not of or not ours:
        return None
    if len(of) != len(ours):
        return scenario["medians"][peer]["cpu_us"] / scenario["medians"]["holdfast"]["cpu_us"]
    return statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in zip(of, ours))


def per_request(run, docs):
    there = [k for k in WHAT if k in run]
    if not there:
        return
    by = {k: run[k]["medians"] for k in there}
    peers = peers_of(*by.values())

    def cell(k, peer):
        row = by[k]
        if peer not in row:
            return "-"
        times = factor(run[k], peer) if peer != "holdfast" else None
        spread = row[peer].get("cpu_us_spread", 0) / 2
        return f"{row[peer]['cpu_us']:.1f} ±{spread:.1f}" + (f" ({times:.2f})" if times else "")

    yield "## Processor time per request, message and handshake\n\n" + how(
        together([run[k] for k in there]), "Microseconds", "{rounds} rounds of new processes, all peers up at once and measured in turn, {turns} turns a round; medians with half the width of the middle half",
        "{warm} s of the same load before a row's first turn", "in brackets the factor against Holdfast, the median of the turns' (above 1: dearer than Holdfast)")
    yield table(["", *peers], [[WHAT[k], *(cell(k, p) for p in peers)] for k in there])
    for begins, title, name in (("b", "Processor time per request", "cpu-requests"), ("c", "Processor time per relayed message", "cpu-messages")):
        rows = [(WHAT[k], {p: by[k][p]["cpu_us"] for p in peers if p in by[k]}) for k in there if k.startswith(begins) and "handshakes" not in k]
        if rows:
            bars(title, rows, "µs of the proxy", docs / "images" / f"{name}.svg")
        yield f"![{title}](images/{name}.svg)"
    rate = lambda row: next((f"{row[key]:,.0f}" for key in RATES if key in row), "-")
    yield ("## How many a second\n\nThe same turns: what came through in a second of them, as fast as it went. Load and backend have the same cores as the proxy, so that even a proxy that took no time at all would not have many "
           "times more.\n")
    yield table(["", *peers], [[WHAT[k], *(rate(by[k].get(p, {})) for p in peers)] for k in there])


def rows_of(by, peers, labels):
    """labels: (label, key, digits)"""
    value = lambda p, key, digits: f"{by[p][key]:.{digits}f}" if p in by and isinstance(by[p].get(key), (int, float)) else "-"
    return [[label, *(value(p, key, digits) for p in peers)] for label, key, digits in labels]


def beside(run):
    if BESIDE not in run:
        return
    by = run[BESIDE]["medians"]
    peers, n = peers_of(by), max(int(v["streams"]) for v in by.values())
    named = (("alone", "none"), (f"beside {n // 8:,}", "some"), (f"beside {n:,}", "many"))
    labels = [(f"{by_protocol} {q if q != 'p999' else 'p99.9'} {label}, ms", f"{h}_{key}_{q}", 2) for h, by_protocol in PROTOCOLS.items() for q in ("p50", "p99", "p999") for label, key in named]
    labels += [(f"processor time of the proxy, {by_protocol} {label}, % of one", f"{h}_{key}_cpu", 1) for h, by_protocol in PROTOCOLS.items() for label, key in named]
    labels += [(f"WebSocket echo p99, {n // 8:,}, ms", "ws_some_p99", 2), (f"WebSocket echo p99, {n:,}, ms", "ws_many_p99", 2), ("streams refused or dropped", "dropped", 0)]
    of_pages = {p: v | {"failed": sum(v[f"{h}_{key}_failed"] for h in PROTOCOLS for _, key in named)} for p, v in by.items() if "h1_none_failed" in v}
    yield "## Pages beside streams\n\n" + how(run[BESIDE], f"200 pages a second of 64 KiB over TLS, with none, {n // 8:,} and {n:,} open wss that each speak every 4 s", "evenly spaced",
        "after {warm} s of pages by each protocol as fast as they go", "median of {rounds} rounds; in a round p50 and p99 are the median of {turns} windows of {seconds} s, p99.9 that of all")
    yield table(["", *peers], rows_of(by, peers, labels) + (rows_of(of_pages, peers, [("pages failed", "failed", 0)]) if of_pages else []))


def within(of, name, digits):
    return f"{of[name + '_slope']:+.{digits}f} ±{of[name + '_within']:.{digits}f}"


def lasting(run):
    if LASTING not in run:
        return
    by = run[LASTING]["medians"]
    peers, any_of = peers_of(by), next(iter(by.values()))
    rows = rows_of(by, peers, [("streams open", "streams", 0)])
    for label, name, digits in (*((f"pages by {by_protocol}, p99 ms a minute", h, 2) for h, by_protocol in PROTOCOLS.items()), ("memory, MiB a minute", "mib", 1)):
        rows.append([label, *(within(by[p], name, digits) if p in by else "-" for p in peers)])
    rows[1:1] = rows_of(by, peers, [(f"pages by {by_protocol}, p99 of the median quarter of a minute, ms", f"{h}_p99", 2) for h, by_protocol in PROTOCOLS.items()])
    rows += rows_of(by, peers, [("streams dropped", "dropped", 0), ("echo p99, ms", "ws_p99", 1)])
    rows += rows_of(by, peers, [("dropped by the changes", "changes_dropped", 0), ("echo p99 during changes, ms", "changes_ws_p99", 1), ("page p99 during changes, ms", "changes_page_p99", 1),
                                ("pages failed during changes", "changes_failed", 0), ("memory after the changes, MiB", "changes_mib", 0)])
    if all("after_h1_p99" in v for v in by.values()):
        rows += rows_of(by, peers, [(f"pages by {by_protocol} after them, {q if q != 'p999' else 'p99.9'}, ms", f"after_{h}_{q}", 2) for h, by_protocol in PROTOCOLS.items() for q in ("p50", "p99", "p999")])
        after = {p: {"failed": sum(v[f"after_{h}_failed"] for h in PROTOCOLS)} for p, v in by.items()}
        rows += rows_of(after, peers, [("pages failed after them", "failed", 0)]) + rows_of(by, peers, [("changes made", "changes", 0)])
    rows.append(["memory, MiB for 100 changes", *(within(by[p], "changes_mib", 1) if p in by else "-" for p in peers)])
    yield "## As time passes, and through changes\n\n" + how(
        run[LASTING], f"{any_of['minutes']:g} minutes of 200 pages a second beside the streams, in turn by {' and '.join(PROTOCOLS.values())}", f"then {int(max(v['changes'] for v in by.values()))} changes, three a second where that can be kept up, after a fifth as many that only warm, but count for what is dropped and for echoes (one route changed; "
        "HAProxy and nginx reload, Caddy is given its file, Envoy its routes), with pages of 64 KiB on new connections, 20 a second",
        "growth is a straight line's with twice its standard error: what lies within cannot be told from none")
    yield table(["", *peers], rows)


def idle(run):
    if IDLE not in run:
        return
    by = run[IDLE]["medians"]
    peers, n = peers_of(by), max(int(v["streams"]) for v in by.values())
    labels = [("per silent stream, as growth of what is resident, KiB", "kib_per_stream", 1), ("per silent stream, outside of a JVM's heap and alive in it, KiB", "kib_with_heap", 1), ("just started, MiB", "mib_started", 0),
              ("before the streams, MiB", "mib_before", 0), ("after they closed, MiB", "mib_after_close", 0)]
    yield "## Memory\n\n" + how(
        run[IDLE], f"{n:,} open wss that say nothing, after pages by both protocols and 200 streams", "proportional resident size (Pss) of all processes",
        "pages of a JVM's heap that were touched before do not count as growth: the second row leaves the heap's pages out and has what is alive in it instead, as if all of them had been touched")
    yield table(["", *peers], rows_of(by, peers, labels))


def moments(run):
    labels = [(START, "start to the first answer by TLS"), (FEW, "a change, with 10 routes"), (MANY, "a change, with {routes} routes")]
    there = [(k, label) for k, label in labels if k in run]
    if not there:
        return
    peers = peers_of(*(run[k]["medians"] for k, _ in there))
    rows = [[label.format(**run[k]["settings"]) + ", ms", *(f"{run[k]['medians'][p]['ms']:.0f}" if p in run[k]["medians"] else "-" for p in peers)] for k, label in there]
    yield "## Start, and until a change is seen\n\n" + how(
        run[there[0][0]], "Medians", "a change is one route's path, from its file being in place (and the peer being told, where it does not look) to the first answer that shows it; each route has a host name of its own")
    yield table(["", *peers], rows)


def small_ones(run):
    results = run.get(SMALL, [])
    if not results:
        return

    def growth(r):
        """Against the fewest routes."""
        alike = [other for other in results if other["name"] == r["name"] and "routes" in other["params"]]
        return f"{r['score'] / min(alike, key=lambda other: int(other['params']['routes']))['score']:.2f}" if r in alike else "-"

    yield "## Small benchmarks\n\nJMH, time of one operation with the half width of the 99.9 % interval; growth is against the fewest routes.\n"
    yield table(["benchmark", "with", "time", "growth"], [[r["name"], ", ".join(f"{k} {v}" for k, v in r["params"].items()) or "-", f"{r['score']:.1f} ±{r['error']:.1f} {r['unit'].removesuffix('/op')}", growth(r)]
                                                          for r in sorted(results, key=lambda r: r["name"])])


def behind(run):
    """Every row in which a peer is ahead, by how much; how many a second there are follows from the processor time and is not told again."""
    out = []

    def row(label, values):
        ours = values.get("holdfast")
        ahead = [f"{p} {v:.4g}" + (f" ({v / ours:.2f})" if ours > 0 else "") for p, v in values.items() if p != "holdfast" and v < ours] if ours else []
        if ahead:
            out.append(f"| {label} | {ours:.4g} | {', '.join(ahead)} |")

    def values(scenario, key):
        return {p: v[key] for p, v in run.get(scenario, {"medians": {}})["medians"].items() if isinstance(v.get(key), (int, float))}

    for k, label in WHAT.items():
        row(f"{label}, µs", {p: v for p, v in values(k, "cpu_us").items() if p == "holdfast" or factor(run[k], p) < 1})
    for h, by_protocol in PROTOCOLS.items():
        for key, beside in (("none", "alone"), ("some", "beside some streams"), ("many", "beside many streams")):
            for q in ("p50", "p99", "p999"):
                row(f"{by_protocol} {q if q != 'p999' else 'p99.9'} {beside}, ms", values(BESIDE, f"{h}_{key}_{q}"))
            row(f"processor time of the proxy, {by_protocol} pages {beside}, % of one", values(BESIDE, f"{h}_{key}_cpu"))
    for key in ("some", "many"):
        row(f"WebSocket echo p99 beside pages, {key} streams, ms", values(BESIDE, f"ws_{key}_p99"))
    for label, key in (("page p99 during changes, ms", "changes_page_p99"), ("echo p99 during changes, ms", "changes_ws_p99"), ("memory after the changes, MiB", "changes_mib"), ("memory for 100 changes, MiB", "changes_mib_slope")):
        row(label, values(LASTING, key))
    for h, by_protocol in PROTOCOLS.items():
        row(f"{by_protocol} p99 of the median quarter of a minute, ms", values(LASTING, f"{h}_p99"))
        for q in ("p50", "p99", "p999"):
            row(f"{by_protocol} {q if q != 'p999' else 'p99.9'} after the changes, ms", values(LASTING, f"after_{h}_{q}"))
    row("echo p99 as time passes, ms", values(LASTING, "ws_p99"))
    for label, key in (("memory per silent stream, KiB", "kib_per_stream"), ("memory per silent stream, outside of a JVM's heap and alive in it, KiB", "kib_with_heap"), ("memory just started, MiB", "mib_started"),
                       ("memory before the streams, MiB", "mib_before"), ("memory after they closed, MiB", "mib_after_close")):
        row(label, values(IDLE, key))
    row("start, ms", values(START, "ms"))
    row("a change, few routes, ms", values(FEW, "ms"))
    row("a change, many routes, ms", values(MANY, "ms"))
    return "## Where a peer is ahead\n\n| what | Holdfast | ahead (as a part of ours) |\n|---|---|---|\n" + "\n".join(out) + "\n"


if __name__ == "__main__":
    main()
