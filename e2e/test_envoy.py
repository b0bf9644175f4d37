"""The program as the control plane of Envoys: one of its own that outlives it, and a user's by the printed bootstrap."""
import asyncio
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request

import pytest
import yaml

from lib import manifests
from lib.clients import WebSocket, page
from lib.gateway import ROOT, Gateway, free_port, offset_for, run, wait
from lib.peers import Authority
from lib.xds import envoy_binary


pytestmark = [pytest.mark.parametrize("plane", ["envoy"], indirect=True), pytest.mark.usefixtures("plane")]


class Site:
    """Starts control planes on the same manifests and ports, one after another."""

    def __init__(self, folder, backend):
        self.folder, self.backend, self.xds = folder, backend, free_port()
        self.offset = offset_for(443, 80)
        self.http, self.https, self.host = 80 + self.offset, 443 + self.offset, manifests.HOST
        self.running = []

    def start(self, *more, spawn=True):
        spawned = [f"--spawn-envoy={envoy_binary()}"] if spawn else []
        made = Gateway(
            "-f", self.folder, "--port-offset", self.offset, "--dev-tls", "--resolve", f"home-automation/home-assistant=127.0.0.1:{self.backend.port}",
            "--envoy", "--xds", f"127.0.0.1:{self.xds}", *spawned, *more)
        self.running.append(made)
        if spawn:
            made.plane = "envoy"
        return made.ready()

    def page(self, path="/", host=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", headers={"host": host or self.host})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as refused:
            return refused.code


@pytest.fixture
def site(example, backend):
    made = Site(example, backend)
    yield made
    for gateway in made.running:
        gateway.__exit__()


def test_envoy_outlives_us_and_the_next_start_takes_it_over(site, go):
    first = site.start()
    pid = first.envoy_pid()

    async def talk():
        socket = await WebSocket.connect(site.http, site.host)
        first.process.kill()
        first.ended()
        # More lines than the pipe between us holds, 64 KiB: nobody reads them, and nothing waits for that.
        await asyncio.to_thread(lambda: [site.page() for _ in range(400)])
        await socket.echo("alone")
        second = await asyncio.to_thread(site.start)
        assert f"taken over with process id {pid}" in second.text()
        manifests.write(site.folder / "other.yaml", manifests.route("other", site.backend.port, host=site.host, path="/other"))
        await asyncio.to_thread(second.wait_reload, 2)
        await socket.echo("together")
        assert site.page("/other") == 200
        await asyncio.to_thread(wait, lambda: any(line.get("path") == "/other" for line in second.access_log()))
    go(talk())


def test_left_at_sigterm_where_that_is_asked_for(site, go):
    first = site.start("--leave-envoy")
    pid = first.envoy_pid()

    async def talk():
        socket = await WebSocket.connect(site.http, site.host)
        assert await asyncio.to_thread(first.end) == 0
        await socket.echo("alone")
        second = await asyncio.to_thread(site.start)
        assert second.envoy_pid() == pid
        await socket.echo("together")
    go(talk())


def test_a_host_that_has_gone_is_served_no_more(site):
    route = site.folder / "route.yaml"
    more = site.folder / "more.yaml"
    named = next(d for d in yaml.safe_load_all(route.read_text()) if d["kind"] == "HTTPRoute")
    named["metadata"]["name"], named["spec"]["hostnames"] = "brief", ["brief.example.test"]
    manifests.write(more, yaml.safe_dump(named))
    gateway = site.start()
    assert site.page(host="brief.example.test") == 200
    more.unlink()
    gateway.wait_reload(2)
    wait(lambda: site.page(host="brief.example.test") == 404, 20)


def test_an_envoy_that_ends_is_started_again(site):
    gateway = site.start()
    os.kill(gateway.envoy_pid(), signal.SIGKILL)
    wait(lambda: "Envoy has ended by itself" in gateway.text(), 20)

    def serves():
        try:
            return site.page() == 200
        except OSError:
            return False
    wait(serves, 30)


def test_garbage_on_the_xds_port_harms_nobody(site):
    gateway = site.start()
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
    call = preface + bytes.fromhex("00000501040000000182848641")  # HEADERS that are cut off
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", os.urandom(100_000), preface + os.urandom(1000), call):
        with socket.create_connection(("127.0.0.1", site.xds), 10) as peer:
            try:
                peer.sendall(garbage)
                peer.shutdown(socket.SHUT_WR)
                peer.settimeout(30)
                while peer.recv(65536):
                    pass
            except ConnectionError:
                pass  # closed the harder way
    # Idle ones are no harm either.
    idle = [socket.create_connection(("127.0.0.1", site.xds), 10) for _ in range(100)]
    manifests.write(site.folder / "other.yaml", manifests.route("other", site.backend.port, host=site.host, path="/other"))
    gateway.wait_reload(2)
    assert site.page("/other") == 200
    assert len(gateway.json("/api/envoys")) == 1
    assert "a connection to the xDS port has failed" in gateway.text(), gateway.text()
    assert "\tat " not in gateway.text() and "Exception" not in gateway.text(), gateway.text()
    for peer in idle:
        peer.close()


def test_a_users_envoy_by_the_printed_bootstrap_with_mutual_tls(site, tmp_path):
    authority = Authority(tmp_path)
    folder = tmp_path / "tls"
    folder.mkdir()
    certificate, key, _ = authority.issue("localhost")
    for name, file in (("ca.crt", authority.pem), ("tls.crt", certificate), ("tls.key", key)):
        (folder / name).write_bytes(file.read_bytes())
    gateway = site.start("--xds-tls-dir", folder, spawn=False)
    admin = free_port()
    code, printed, err = run("envoy-bootstrap", "--node-id", "edge", "--cluster", "mine", "--xds", f"localhost:{site.xds}", "--xds-tls-dir", folder,
                             "--envoy-admin-port", admin)
    assert code == 0, err
    (tmp_path / "bootstrap.yaml").write_text(printed)
    process = subprocess.Popen([envoy_binary(), "-c", tmp_path / "bootstrap.yaml", "--disable-hot-restart"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        gateway.plane = "envoy"
        gateway.settled(60)
        assert [(e["id"], e["cluster"], e["version"]) for e in gateway.json("/api/envoys")] == [("edge", "mine", "1.40.0")]
        wait(lambda: site.page() == 200)
    finally:
        process.terminate()
        process.wait(10)


def test_what_cannot_be_is_said_before_anything_starts(example, tmp_path):
    for options, said in (
        (["--spawn-envoy"], "need --envoy"),
        (["--envoy", "--xds", "nonsense"], "is not HOST:PORT"),
        (["--envoy", "--xds", "192.0.2.1:18000"], "give --xds-tls-dir"),
        (["--envoy", "--xds-tls-dir", str(tmp_path)], "no readable ca.crt, tls.crt, tls.key"),
        (["--envoy", "--spawn-envoy=/no/such/envoy"], "is no program that can be run"),
        (["--envoy", "--leave-envoy"], "needs --spawn-envoy"),
    ):
        code, _, err = run("run", "-f", example, *options)
        assert code == 2 and said in err, (options, code, err)


def test_translate_prints_what_envoys_are_told(example):
    code, out, err = run("translate", "-f", example, "--to", "xds", "--resolve", "home-automation/home-assistant=127.0.0.1:1")
    assert "name: home-automation/home-assistant-internal/0/0/upgrade" in out and "sec-websocket-key" in out, err


def test_a_database_of_places_that_is_not_there_is_refused_at_its_line(tmp_path):
    case = ROOT / "corpus" / "security" / "authorization-places"
    text = (case / "manifests.yaml").read_text().replace("../corpus/security/authorization-places/places.mmdb", "FILE")
    file, offset = tmp_path / "m.yaml", offset_for(80)
    file.write_text(text.replace("FILE", str(case / "places.mmdb")))
    with Gateway("-f", file, "--port-offset", offset, "--resolve", f"app/app=127.0.0.1:{free_port()}", plane="envoy") as gateway:
        gateway.ready()

        def status(address):
            return page(80 + offset, headers={"x-forwarded-for": address})[0]

        # Who passes finds no backend.
        wait(lambda: (status("192.0.2.1"), status("192.0.2.65")) == (503, 403), what=gateway.text)
        file.write_text(text.replace("FILE", str(tmp_path / "none.mmdb")))
        wait(lambda: any(p["code"] == "ENVOY_REFUSED" and "none.mmdb" in p["message"] for p in gateway.json("/api/problems")), what=gateway.text)
        assert (status("192.0.2.1"), status("192.0.2.65")) == (503, 403)
