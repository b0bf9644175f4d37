"""The examples that no other test starts, with only their backend's address changed."""
from lib import manifests
from lib.clients import page
from lib.gateway import BOTH_PLANES, Gateway, ROOT, offset_for, run
from lib.manifests import HOST


@BOTH_PLANES
def test_the_backend_outside_a_cluster_by_its_name(tmp_path, backend, plane):
    folder = manifests.copy_example("backend", tmp_path)
    manifests.replace(folder / "route.yaml", "hostname: home-assistant.lan\n        port: 8123", f"hostname: localhost\n        port: {backend.port}")
    offset = offset_for(443, 80)
    with Gateway("-f", folder, "--port-offset", offset, "--dev-tls", plane=plane) as gateway:
        gateway.ready()
        assert page(80 + offset, HOST)[0] == 200
        assert [p for p in gateway.json("/api/problems") if p["severity"] == "ERROR"] == []


@BOTH_PLANES
def test_the_stream_policies(tmp_path, backend, plane):
    folder = manifests.copy_example("streams", tmp_path)
    offset = offset_for(443, 80)
    with Gateway("-f", folder, "--port-offset", offset, "--dev-tls", "--resolve", f"home-automation/home-assistant=127.0.0.1:{backend.port}", plane=plane) as gateway:
        gateway.ready()
        assert page(80 + offset, HOST)[0] == 200
        assert [p for p in gateway.json("/api/problems") if p["severity"] == "ERROR"] == []


def test_the_plan_is_read_without_looking_back():
    _, out, _ = run("translate", "-f", ROOT / "examples/websocket", "--to", "plan", "--port-offset", 8000)
    assert "from BackendTrafficPolicy home-automation/home-assistant" in out
    assert "&id" not in out and "*id" not in out, out
