"""The applications people put behind a gateway, themselves: recognised, their own setting named, and held through changes."""
import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lib import frames, manifests, peers
from lib.applications import CACHE, HomeAssistant
from lib.clients import WebSocket
from lib.gateway import BOTH_PLANES, run, wait

WSS = f"wss://{manifests.HOST}/api/websocket"


def need(name):
    if (CACHE / name / "done").exists():
        return
    if os.environ.get("HOLDFAST_E2E") == "strict":
        pytest.fail(f"{name} could not be installed (see e2e/.cache/applications.log)", pytrace=False)
    pytest.skip(f"SKIPPED: {name} is not installed")


@pytest.fixture
def home_assistant(tmp_path):
    need("home-assistant")
    folder = tmp_path / "home-assistant"
    folder.mkdir()
    started = []

    def start(*trusted):
        started.append(HomeAssistant(folder, trusted))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def backend(home_assistant, request):
    """What the seed's example leads to; its parameter is whom it trusts."""
    return home_assistant(*getattr(request, "param", ()))


TRUSTING = pytest.mark.parametrize("backend", [("127.0.0.1", "::1")], indirect=True, ids=["trusting"])


def examine(url, port, *more):
    status, out, err = run("doctor", url, "--connect", f"127.0.0.1:{port}", "--insecure", "--timeout", "10s", "--streams", "8", "-o", "json", *more)
    assert "Exception" not in out + err, out + err
    report = json.loads(out)
    return report, [f["code"] for f in report["findings"] if f["level"] != "note"]


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
    policy = seed_with.folder / "3-home-assistant.yaml"
    manifests.replace(policy, "  useClientProtocol: true\n", "")
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
        idle = "3600s"
        for n in range(1, 11):
            if n % 2:
                manifests.write(seed.folder / "other.yaml", manifests.route(f"other{n}", backend.port))
            else:
                manifests.replace(policy, "connectionIdleTimeout: " + idle, f"connectionIdleTimeout: {3600 + n}s")
                idle = f"{3600 + n}s"
            await asyncio.to_thread(seed.gateway.wait_reload, 1 + n, 30)
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
