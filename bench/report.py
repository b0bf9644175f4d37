"""docs/performance.md and its pictures from a run's JSON."""
import json
import os
import pathlib
import platform
import sys

PEERS = ["holdfast", "haproxy", "nginx", "envoy", "caddy"]
COLOURS = {"holdfast": "#1f5fbf", "haproxy": "#8a94a0", "nginx": "#5f9e6e", "envoy": "#b5651d", "caddy": "#9a6fb0"}

WHAT = {
    "b1 h1 1k": "HTTP/1.1, 1 KiB", "b2 h1 tls 1k": "HTTP/1.1 over TLS, 1 KiB", "b3 h1 tls 64k": "HTTP/1.1 over TLS, 64 KiB",
    "b4 h2 tls 1k": "HTTP/2 (16×16 streams) to HTTP/1.1, 1 KiB", "b5 h2 tls 64k": "HTTP/2 to HTTP/1.1, 64 KiB", "b6 h2 post 1k": "HTTP/2 POST of 1 KiB",
    "c1 ws 64B": "WebSocket, 64 B", "c2 wss 64B": "WebSocket over TLS, 64 B", "c3 wss 1k": "WebSocket over TLS, 1 KiB", "c4 wss 64k": "WebSocket over TLS, 64 kB",
}


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


TRANSLATION = "Translating many routes"
MEASURED_EARLIER = """`egctl x translate` of Envoy Gateway 1.9 was measured earlier, on a machine of the same kind: 90 s of processor time for 1,000
HTTPRoutes, and 10,000 not done after 733 s; its translation alone, in memory: 0.04 to 0.13 s to its IR for 1,000, 0.4 to 0.8 s for 10,000."""


def section(text, title):
    """A section of a document, from its heading to the next of its kind; empty where there is none."""
    at = text.find(f"## {title}\n")
    end = text.find("\n## ", at)
    return "" if at < 0 else text[at:] if end < 0 else text[at:end + 1]


def seconds(step):
    return f"{step['ms'] / 1000:.2f} ({step['cpu_ms'] / 1000:.2f})"


def translation(run):
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
    out = f"""## {TRANSLATION}

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
    return out + ("" if run["egctl"] else "\n") + "\n" + MEASURED_EARLIER + "\n"


def put_translation(file, text):
    page = file.read_text()
    old, last = section(page, TRANSLATION), "## Where a peer is ahead\n"
    page = page.replace(old, text + "\n") if old else page.replace(last, text + "\n\n" + last, 1) if last in page else page + "\n" + text
    file.write_text(page)


def main():
    if sys.argv[1] == "--translation":
        put_translation(pathlib.Path(sys.argv[3]) / "performance.md", translation(json.loads(pathlib.Path(sys.argv[2]).read_text())))
        return
    run = json.loads(pathlib.Path(sys.argv[1]).read_text())
    docs = pathlib.Path(sys.argv[2])
    m, s = run["medians"], run["settings"]
    there = [p for p in PEERS if any(p in by for by in m.values())]
    out = [f"""# Performance

Made by `bench/run`: each peer in turn before the same backend on the same machine ({os.cpu_count()} cores, Linux {platform.release().split('-')[0]}), which also
carries backend and load; median of {s['rounds']} rounds, interleaved. In a round one process of each peer goes through all rows of a table,
with {s['warm']} s of the same load before each is measured for {s['seconds']} s (twice that before the first): a gateway is up for weeks, and a JVM still
compiles in its first quarter of a minute: a request costs five to seven times as much in its first three seconds, twice as much after ten. Peers: HAProxy (nbthread 2), nginx (2 workers), Envoy 1.40
(concurrency 2), Caddy 2.11 (GOMAXPROCS 2), Holdfast (2 event loops); access logs off, keep-alive upstreams, one P-256 certificate; their whole
settings are in [bench/peers.py](../bench/peers.py). Processor time is the proxy's own, so that it does not depend on what load and backend take.
Figures are for comparing columns of one row, not for comparing with another machine.

## Processor time per request and per relayed message

Microseconds; in brackets the factor against Holdfast (above 1: dearer than Holdfast).
"""]

    def cell(by, peer, key, digits=1):
        if peer not in by or key not in by[peer]:
            return "-"
        value, ours = by[peer][key], by.get("holdfast", {}).get(key)
        return f"{value:.{digits}f}" + (f" ({value / ours:.2f})" if ours and peer != "holdfast" else "")

    cpu = [(k, m[k]) for k in WHAT if k in m]
    out.append(table(["", *there], [[WHAT[k], *(cell(by, p, "cpu_us") for p in there)] for k, by in cpu]))
    bars("Processor time per request", [(WHAT[k], {p: by[p]["cpu_us"] for p in there if p in by}) for k, by in cpu if k.startswith("b")], "µs of the proxy", docs / "images" / "cpu-requests.svg")
    bars("Processor time per relayed message", [(WHAT[k], {p: by[p]["cpu_us"] for p in there if p in by}) for k, by in cpu if k.startswith("c")], "µs of the proxy", docs / "images" / "cpu-messages.svg")
    out.append("\n![Processor time per request](images/cpu-requests.svg)\n\n![Processor time per message](images/cpu-messages.svg)\n")

    a = m.get("a pages beside streams", {})
    if a:
        n = max(int(v.get("streams", 0)) for v in a.values())
        rows = []
        for label, key in (("HTTP/1.1 p50 alone", "h1_0_p50"), ("HTTP/1.1 p50 beside", "h1_n_p50"), ("HTTP/1.1 p99 alone", "h1_0_p99"), ("HTTP/1.1 p99 beside", "h1_n_p99"),
                           ("HTTP/2 p50 alone", "h2_0_p50"), ("HTTP/2 p50 beside", "h2_n_p50"), ("HTTP/2 p99 alone", "h2_0_p99"), ("HTTP/2 p99 beside", "h2_n_p99"),
                           ("WebSocket echo p99", "ws_p99")):
            rows.append([label + ", ms", *(f"{a[p][key]:.2f}" if p in a and a[p].get(key) is not None else "-" for p in there)])
        rows.append(["streams dropped", *(str(int(a[p].get("dropped", 0))) if p in a else "-" for p in there)])
        rows.append(["memory per busy stream, KiB", *(f"{a[p]['kib_per_stream']:.1f}" if p in a else "-" for p in there)])
        rows.append(["memory before the streams, MiB", *(f"{a[p]['mib_idle_before']:.0f}" if p in a else "-" for p in there)])
        rows.append(["memory after they closed, MiB", *(f"{a[p]['mib_after_close']:.0f}" if p in a else "-" for p in there)])
        out.append(f"\n## Pages beside streams\n\n200 pages a second of 64 KiB over TLS, with none and with {n} open wss that each speak every 4 s.\nMemory is proportional resident size (Pss); a heap that has grown and is free again counts.\n\n" + table(["", *there], rows))
    e = m.get("e reloads", {})
    if e:
        rows = [[p, str(int(v["reloads"])), str(int(v["dropped"])), f"{v['ws_p99']:.1f}", f"{v['mib_first_half']:.0f}", f"{v['mib_second_half']:.0f}"] for p, v in e.items() if "reloads" in v]
        out.append("\n## Reloads with streams open\n\nA route of another host added and removed in turn, three changes a second (nginx: SIGHUP with the same file; old workers stay as long as their streams).\n\n"
                   + table(["", "changes", "streams dropped", "echo p99, ms", "memory in the first half, MiB", "in the second half, MiB"], rows))
    f = m.get("f start", {})
    if f:
        out.append("\n## Start to first answered TLS request\n\n" + table(["", *there], [["ms", *(f"{f[p]['ms']:.0f}" if p in f else "-" for p in there)]]))
    page = docs / "performance.md"
    kept = section(page.read_text(), TRANSLATION) if page.exists() else ""
    if kept:
        out.append("\n" + kept)
    behind = []
    for k, by in cpu:
        ours = by.get("holdfast", {}).get("cpu_us")
        ahead = [f"{p} by {ours / by[p]['cpu_us']:.2f}×" for p in there if p != "holdfast" and p in by and by[p]["cpu_us"] < ours]
        if ours and ahead:
            behind.append(f"- {WHAT[k]}: {', '.join(ahead)}")
    out.append("\n## Where a peer is ahead\n\nIn processor time:\n\n" + "\n".join(behind) + "\n")
    extra = docs / "performance-notes.md"
    if extra.exists():
        out.append("\n" + extra.read_text())
    page.write_text("\n".join(x.rstrip("\n") + "\n" for x in out))


if __name__ == "__main__":
    main()
