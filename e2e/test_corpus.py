"""The corpus' requests on the second plane: each goes where it goes on the embedded one, but for what docs/planes.md says, and
for what the plane itself warns about; and Envoy takes every case as it is."""
import subprocess

import pytest

from lib.gateway import ROOT
from lib.xds import envoy_binary, java

# Case and request to the line of docs/planes.md that says why.
KNOWN = {
    "seed/three-cures GET https://home-assistant.ironstone.casa/": "of a client on loopback",
    "security/cors-of-a-route OPTIONS http://a.test/": "Envoy answers with what was asked for",
    "traffic/rate-limit GET http://a.test/shadow": "of all rules of a route or none",
    "traffic/response-override GET http://a.test/gone": "as all headers of the first answer",
}


@pytest.mark.parametrize("plane", ["envoy"], indirect=True)
def test_every_request_of_the_corpus_goes_where_the_embedded_plane_sends_it(plane):
    done = subprocess.run(
        [*java("acceptance"), "dev.holdfast.acceptance.EnvoyCorpusMain", envoy_binary()], cwd=ROOT / "acceptance", capture_output=True, text=True, timeout=500)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr[-5000:]
    differs = [line for line in lines if line.startswith("differs ") and not any(line.startswith(f"differs {case}: ") for case in KNOWN)]
    assert differs == [], "\n".join(differs) + "\n" + done.stderr[-5000:]
    assert sum(line.startswith("ok ") for line in lines) > 350
    table = (ROOT / "docs" / "planes.md").read_text()
    for case, reason in KNOWN.items():
        assert any(line.startswith(f"differs {case}: ") for line in lines), f"{case} differs no more: {reason}"
        assert reason in table
