"""A page in a real browser: its WebSocket opens whatever the ALPN order, on HTTP/2 by the page's own connection."""
from lib import manifests
from lib.gateway import BOTH_PLANES, wait

pytestmark = BOTH_PLANES

ASK = """url => new Promise((done, fail) => {
  const socket = new WebSocket(url);
  const got = [];
  socket.onopen = () => socket.send('hello');
  socket.onmessage = m => { got.push(m.data); if (got.length < 5) socket.send('hello ' + got.length); else done(got); };
  socket.onerror = () => fail(new Error('WebSocket failed'));
  setTimeout(() => fail(new Error('timeout')), 10000);
})"""
PROTOCOL = "() => performance.getEntriesByType('navigation')[0].nextHopProtocol"


def visit(browser, seed):
    page = browser.new_page()
    page.goto(f"https://{seed.host}:{seed.https}/")
    got = page.evaluate(ASK, f"wss://{seed.host}:{seed.https}/api/websocket")
    assert got == ["hello"] + [f"hello {i}" for i in range(1, 5)]
    return page


def test_http1_first_as_the_seed_has_it(browser, seed):
    page = visit(browser, seed)
    assert page.evaluate(PROTOCOL) == "http/1.1"
    # Envoy says how many streams it has, not which.
    expected = ["http/1.1"] if seed.plane == "embedded" else []
    assert [s["downstreamProtocol"] for s in seed.gateway.json("/api/streams")] == expected


def test_h2_first_by_extended_connect_on_the_pages_own_connection(browser, seed_with):
    manifests.replace(seed_with.folder / "1-client-traffic-policy.yaml", "      - http/1.1  # First for WebSocket support\n      - h2        # Fallback for other traffic", "      - h2\n      - http/1.1")
    seed = seed_with()
    page = visit(browser, seed)
    assert page.evaluate(PROTOCOL) == "h2"
    # The page and its WebSocket came by one connection: the only one that is open on the TLS port.
    if seed.plane == "envoy":
        wait(lambda: seed.gateway.streams_open() == 1)
        assert seed.gateway.envoy_stat(f"http.port-{seed.https}.downstream_cx_active") == 1
        return
    streams = seed.gateway.json("/api/streams")
    assert [(s["kind"], s["downstreamProtocol"], s["upstreamProtocol"]) for s in streams] == [("websocket", "h2", "http/1.1")]
    metrics = seed.gateway.get("/metrics")[1]
    line = next(x for x in metrics.splitlines() if x.startswith("holdfast_connections_open") and f'port="{seed.https}"' in x)
    assert float(line.split()[-1]) == 1
