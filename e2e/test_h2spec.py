"""HTTP/2 as h2spec has it (RFC 9113, RFC 7541), over TLS and with prior knowledge on the plain port."""
import re
import subprocess

import pytest

from conftest import need
from lib import manifests

# A plain port takes HTTP/1.1 too, so what is no preface is answered as the HTTP/1.1 it looks like: with 400, and the end.
BY_HTTP1 = {"2: Sends invalid connection preface"}


def failures(port, *options):
    done = subprocess.run(["h2spec", "-h", "127.0.0.1", "-p", str(port), "-o", "10", *options], capture_output=True, text=True, timeout=900)
    counted = re.search(r"(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed", done.stdout)
    assert counted and int(counted[1]) >= 140, done.stdout[-2000:] + done.stderr
    said, _, summary = done.stdout.partition("Failures:")
    return int(counted[4]), re.findall(r"× (\d+: .*)", said), summary


@pytest.fixture
def any_host(example, seed_with):
    manifests.replace(example / "route.yaml", "  hostnames:\n    - home-assistant.ironstone.casa\n", "")
    return seed_with()


def test_over_tls(any_host):
    need("h2spec")
    manifests.replace(any_host.folder / "1-client-traffic-policy.yaml", "      - http/1.1  # First for WebSocket support\n", "")
    any_host.gateway.wait_reload(2)
    count, names, text = failures(any_host.https, "-t", "-k")
    assert (count, names) == (0, []), text


def test_with_prior_knowledge(any_host):
    need("h2spec")
    count, names, text = failures(any_host.http)
    assert (count, set(names)) == (len(BY_HTTP1), BY_HTTP1), text
