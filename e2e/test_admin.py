"""The admin address and the access log: what they show, and whom the address refuses."""
import asyncio
import json
import subprocess

from lib.clients import Http2, WebSocket, page
from lib.gateway import run, wait


def test_health_metrics_plan_and_problems(seed):
    get = seed.gateway.get
    assert get("/healthz")[0] == 200 and get("/readyz")[0] == 200
    subprocess.run(["curl", "-sk", "-o", "/dev/null", "-H", f"Host: {seed.host}", f"http://127.0.0.1:{seed.http}/"], check=True)
    metrics = get("/metrics")[1]
    for name in ("holdfast_request_duration_seconds_count", "holdfast_streams_open", "holdfast_reloads_total", 'route="home-automation/home-assistant-internal"'):
        assert name in metrics, metrics
    plan = seed.gateway.json("/api/plan")
    assert [listener["name"] for listener in plan["listeners"]] == ["home-automation/envoy/https", "home-automation/envoy/http"]
    assert "PRIVATE KEY" not in json.dumps(plan)
    assert [p["code"] for p in seed.gateway.json("/api/problems")] == ["OVERRIDDEN"]


def test_foreign_hosts_and_origins_are_refused(seed):
    get = seed.gateway.get
    assert get("/api/streams", headers={"Host": "evil.example"})[0] == 403
    assert get("/api/streams", headers={"Origin": "https://evil.example"})[0] == 403
    assert get("/api/streams/1", method="DELETE", headers={"Origin": "http://localhost.evil.example"})[0] == 403


def test_streams_are_listed_and_closed_by_the_command_line(seed, go):
    admin = ("--admin", f"127.0.0.1:{seed.gateway.admin_port}")

    async def talk():
        ws = await WebSocket.connect(seed.http, seed.host)
        h2 = await Http2.connect(seed.https, seed.host)
        bridged = await h2.websocket()
        await ws.echo("hello")
        await bridged.echo("hello")
        code, out, err = await asyncio.to_thread(run, "streams", "ls", *admin)
        assert code == 0 and "websocket" in out and "home-automation/home-assistant-internal" in out and "h2" in out, out + err
        streams = seed.gateway.json("/api/streams")
        assert {s["downstreamProtocol"] for s in streams} == {"http/1.1", "h2"}
        assert {s["upstreamProtocol"] for s in streams} == {"http/1.1"}
        assert all(s["messagesFromClient"] == 1 and s["messagesToClient"] == 1 for s in streams)
        one = next(s for s in streams if s["downstreamProtocol"] == "http/1.1")
        code, out, err = await asyncio.to_thread(run, "streams", "close", one["id"], *admin)
        assert code == 0, out + err
        for _ in range(100):
            if ws.closed:
                break
            await asyncio.sleep(0.05)
        assert ws.closed == 1001
        await bridged.echo("still here")
        code, out, err = await asyncio.to_thread(run, "streams", "close", "nothing", *admin)
        assert code != 0 and "Exception" not in err
        await h2.aclose()
        await h2.ended.wait()
    go(talk())
    wait(lambda: len([x for x in seed.gateway.access_log() if x["event"] == "stream_close"]) == 2, 10, seed.gateway.text)
    log = seed.gateway.access_log()
    assert len([x for x in log if x["event"] == "stream_open"]) == 2
    assert {x["reason"] for x in log if x["event"] == "stream_close"} >= {"closed_by_operator"}


def test_watch_shows_the_streams_anew_each_second(seed, go):
    async def talk():
        ws = await WebSocket.connect(seed.http, seed.host)
        code, out, err = await asyncio.to_thread(run, "streams", "watch", "--count", "2", "--admin", f"127.0.0.1:{seed.gateway.admin_port}")
        assert code == 0 and out.count("home-automation/home-assistant-internal") == 2, out + err
        await ws.echo("still here")
    go(talk())


def test_the_access_log_has_a_line_a_request_and_two_a_stream(seed_with, go, tmp_path):
    file = tmp_path / "access.log"
    seed = seed_with("--access-log", file)
    old = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "7", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert page(seed.http, seed.host, "/page?token=hidden")[0] == 200
    assert page(seed.http, seed.host, "/api/websocket", old)[0] == 426
    assert page(seed.http, seed.host, "/api/websocket", {**old, "Sec-WebSocket-Version": "13", "Content-Length": "3"})[0] == 400

    async def talk():
        ws = await WebSocket.connect(seed.http, seed.host)
        await ws.echo("hello")
        await ws.aclose()
    go(talk())
    lines = lambda: [json.loads(line) for line in file.read_text().splitlines()]
    wait(lambda: len(lines()) == 5, 10, file.read_text)
    asked, refused, unreadable, opened, closed = lines()
    assert [x["event"] for x in lines()] == ["request", "request", "request", "stream_open", "stream_close"]
    assert (asked["status"], asked["path"], asked["route"].split("/")[:2]) == (200, "/page", ["home-automation", "home-assistant-internal"])
    assert (refused["status"], refused["reason"]) == (426, "upgrade_version")
    assert (unreadable["status"], unreadable["reason"], unreadable["client"]) == (400, "bad_request", "127.0.0.1")
    assert opened["stream"] == closed["stream"] and closed["kind"] == "websocket" and closed["messages_from_client"] == 1
    assert "hidden" not in file.read_text() and seed.gateway.access_log() == []
