"""The applications people put behind a gateway, themselves: recognised, their own setting named, and held through changes."""
import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import frames, manifests, peers
from lib.applications import CACHE, CodeServer, HomeAssistant
from lib.clients import WebSocket
from lib.gateway import BOTH_PLANES, run, wait

WSS = f"wss://{manifests.HOST}/api/websocket"


def need(name):
    if (CACHE / name / "done").exists():
        return
    if os.environ.get("HOLDFAST_E2E") == "strict":
        pytest.fail(f"{name} could not be installed (see e2e/.cache/applications.log)", pytrace=False)
    pytest.skip(f"SKIPPED: {name} is not installed")


def starting(name, kind, tmp_path):
    need(name)
    folder = tmp_path / name
    folder.mkdir()
    started = []

    def start(*more):
        started.append(kind(folder, *more))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def home_assistant(tmp_path):
    yield from starting("home-assistant", HomeAssistant, tmp_path)


@pytest.fixture
def code_server(tmp_path):
    yield from starting("code-server", CodeServer, tmp_path)


@pytest.fixture
def backend(request):
    """What the seed's example leads to: code-server, or Home Assistant that trusts whom the parameter says."""
    what = getattr(request, "param", ())
    if what is CodeServer:
        return request.getfixturevalue("code_server")()
    return request.getfixturevalue("home_assistant")(*what)


TRUSTING = pytest.mark.parametrize("backend", [("127.0.0.1", "::1")], indirect=True, ids=["trusting"])


def examine(url, port, *more):
    status, out, err = run("doctor", url, "--connect", f"127.0.0.1:{port}", "--insecure", "--timeout", "10s", "--streams", "8", "-o", "json", *more)
    assert "Exception" not in out + err, out + err
    report = json.loads(out)
    return report, [f["code"] for f in report["findings"] if f["level"] != "note"]


def change(seed, n):
    """The `n`th of ten: an unrelated route, or the policy of this one."""
    if n % 2:
        manifests.write(seed.folder / "other.yaml", manifests.route(f"other{n}", 9))
    else:
        old = "connectionIdleTimeout: " + ("3600s" if n == 2 else f"{3600 + n - 2}s")
        manifests.replace(seed.folder / "3-home-assistant.yaml", old, f"connectionIdleTimeout: {3600 + n}s")
    seed.gateway.wait_reload(1 + n, 30)


@BOTH_PLANES
def test_home_assistant_that_does_not_trust_the_gateway(seed_with):
    """Page and WebSocket get 400, which says nothing; the finding says what to write into its configuration."""
    (seed_with.folder / "1-client-traffic-policy.yaml").unlink()
    report, codes = examine(WSS, seed_with().https, "-f", seed_with.folder)
    assert (report["application"], codes) == ("Home Assistant", ["HOME_ASSISTANT_TRUSTED_PROXIES"])
    assert "trusted_proxies" in json.dumps(report["findings"][0]["cures"])


def test_home_assistant_behind_a_plain_envoy(home_assistant, tmp_path):
    made = home_assistant()
    envoy = peers.envoy(tmp_path, made.port)
    try:
        report, codes = examine(f"http://{manifests.HOST}/", envoy.port)
        assert (report["application"], codes) == ("Home Assistant", ["HOME_ASSISTANT_TRUSTED_PROXIES"])
    finally:
        envoy.stop()
    report, codes = examine(f"http://{manifests.HOST}/", made.port)
    assert (report["application"], codes) == ("Home Assistant", [])


@BOTH_PLANES
@TRUSTING
def test_home_assistant_that_trusts_it_is_sound_and_held_through_ten_changes(seed_with, browser, go, backend):
    (seed_with.folder / "1-client-traffic-policy.yaml").unlink()
    manifests.replace(seed_with.folder / "3-home-assistant.yaml", "  useClientProtocol: true\n", "")
    seed = seed_with()
    report, codes = examine(WSS, seed.https, "-f", seed_with.folder)
    assert (report["application"], codes) == ("Home Assistant", [])

    site = f"https://{seed.host}:{seed.https}"
    tokens = backend.owner(site)

    # Its own front end in a browser: by HTTP/2, its WebSocket on the page's connection.
    page = browser.new_page()
    sockets = []
    page.on("websocket", lambda s: sockets.append(s))
    page.goto(site + "/auth/authorize")
    page.evaluate("tokens => localStorage.setItem('hassTokens', JSON.stringify(tokens))", tokens)
    page.goto(site + "/profile/general")
    page.get_by_text("e2e", exact=True).first.wait_for(timeout=60_000)
    assert page.evaluate("() => performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    assert [s.url for s in sockets] == [f"wss://{seed.host}:{seed.https}/api/websocket"]
    wait(lambda: seed.gateway.streams_open() == 1)

    async def by_http1():
        """The same WebSocket by HTTP/1.1, through ten changes."""
        ws = await WebSocket.connect(seed.https, seed.host, tls=True)
        assert ws.status == 101

        async def said():
            return json.loads(await asyncio.wait_for(ws.inbox.get(), 30))

        def say(**what):
            ws.raw(frames.frame(frames.TEXT, json.dumps(what).encode(), mask=True))

        assert (await said())["type"] == "auth_required"
        say(type="auth", access_token=tokens["access_token"])
        assert (await said())["type"] == "auth_ok"
        for n in range(1, 11):
            change(seed, n)
            say(id=n, type="ping")
            assert await said() == {"id": n, "type": "pong"}
        assert ws.closed is None
        await ws.aclose()

    # A thread of its own: the browser's driver has a loop in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(go, by_http1()).result()
    # The browser's is the one it opened before the changes, and it is answered.
    assert len(sockets) == 1 and not sockets[0].is_closed()
    answered = page.evaluate("() => document.querySelector('home-assistant').hass.callWS({type: 'auth/current_user'}).then(u => u.name)")
    assert answered == "e2e"
    page.screenshot(path=str(CACHE / f"home-assistant-{seed.plane}.png"))


CODE_SERVER = pytest.mark.parametrize("backend", [CodeServer], indirect=True, ids=["code-server"])


@BOTH_PLANES
@CODE_SERVER
def test_code_server_is_sound_and_held_through_ten_changes(seed_with, browser, backend):
    (seed_with.folder / "1-client-traffic-policy.yaml").unlink()
    manifests.replace(seed_with.folder / "3-home-assistant.yaml", "  useClientProtocol: true\n", "")
    seed = seed_with()
    report, codes = examine(f"https://{seed.host}/", seed.https, "-f", seed.folder)
    assert (report["application"], codes) == ("code-server", [])

    page = browser.new_page()
    sockets = []
    page.on("websocket", lambda s: sockets.append(s))
    page.goto(f"https://{seed.host}:{seed.https}/")
    page.locator(".monaco-workbench .statusbar").wait_for(timeout=120_000)
    assert page.evaluate("() => performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
    # Its own connection to the machine and the one of its extensions.
    wait(lambda: seed.gateway.streams_open() >= 2, 60)
    opened = len(sockets)
    for n in range(1, 11):
        change(seed, n)
        page.wait_for_timeout(200)
    assert len(sockets) == opened and not any(s.is_closed() for s in sockets[-2:])
    page.screenshot(path=str(CACHE / f"code-server-{seed.plane}.png"))


def test_code_server_behind_a_proxy_that_rewrites_host(code_server, tmp_path):
    made = code_server()
    nginx = peers.nginx(tmp_path, peers.NGINX_UPGRADE.replace("$http_host", "backend.internal"), made.port)
    try:
        report, codes = examine(f"http://{manifests.HOST}/", nginx.port)
        assert (report["application"], codes) == ("code-server", ["CODE_SERVER_ORIGIN"])
        assert "--trusted-origins" in json.dumps(report["findings"][0]["cures"])
    finally:
        nginx.stop()
    made.stop()
    trusting = code_server("--trusted-origins", manifests.HOST)
    nginx = peers.nginx(tmp_path, peers.NGINX_UPGRADE.replace("$http_host", "backend.internal"), trusting.port)
    try:
        assert examine(f"http://{manifests.HOST}/", nginx.port)[1] == []
    finally:
        nginx.stop()
