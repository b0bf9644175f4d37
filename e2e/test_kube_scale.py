"""Many routes and Services, and endpoints that come and go all the time: how late a change takes effect. HOLDFAST_SCALE=5000 is the size that
docs/kubernetes.md speaks of; a tenth of it is what CI can afford."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import ssl
import statistics
import threading
import time

import pytest

from lib.kube import ROOT, Cluster, inside, wait
from lib.shop import API, SHOP, SYSTEM, Image, address, ask, is_ready, logs, pods, unless_possible

ROUTES = int(os.environ.get("HOLDFAST_SCALE", "500"))
SERVICES = ROUTES * 2 // 5
CHANGES_A_SECOND = 50
SECONDS = int(os.environ.get("HOLDFAST_SCALE_SECONDS", "30"))
SLICE = "discovery.k8s.io/v1"


class Api:
    """One connection to the API server that is kept."""

    def __init__(self, cluster):
        self.cluster = cluster
        with inside(cluster.name):
            trust = ssl.create_default_context(cafile=str(cluster.folder / "apiserver.crt"))
            self.link = http.client.HTTPSConnection("10.96.0.1", 6443, context=trust, timeout=60)
            self.link.connect()

    def call(self, method, path, body, content="application/json"):
        self.link.request(method, path, body=json.dumps(body), headers={"Authorization": f"Bearer {self.cluster.token}", "Content-Type": content})
        answer = self.link.getresponse()
        text = answer.read()
        assert answer.status < 300, (answer.status, text)


def service(i):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{i}", "namespace": "shop"}, "spec": {"ports": [{"port": 80, "targetPort": 3000}]}}


def endpoints(name, address):
    return {"apiVersion": SLICE, "kind": "EndpointSlice", "metadata": {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "ports": [{"name": "", "port": 3000}], "endpoints": [{"addresses": [address]}]}


def http_route(i):
    return {"apiVersion": API, "kind": "HTTPRoute", "metadata": {"name": f"r{i}", "namespace": "shop"},
            "spec": {"parentRefs": [{"name": "web"}], "hostnames": [f"r{i}.example"], "rules": [{"backendRefs": [{"name": f"s{i % SERVICES}", "port": 80}]}]}}


def make(cluster, path, documents):
    """Four at a time."""
    def some(part):
        api = Api(cluster)
        for document in part:
            api.call("POST", path, document)
        api.link.close()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(some, [documents[i::4] for i in range(4)]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    unless_possible()
    image = Image()
    with Cluster(tmp_path_factory.mktemp("kube"), {"holdfast": image.program, "shop-echo": image.echo()}) as cluster:
        cluster.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {SYSTEM}}}")
        cluster.install_gateway_api()
        cluster.apply(*sorted((ROOT / "deploy" / "crds").glob("*.yaml")), ROOT / "deploy" / "manifests" / "holdfast.yaml", SHOP)
        wait(lambda: pods(cluster) and all(map(is_ready, pods(cluster))), 300, "a ready Pod")
        yield cluster
    image.remove()


def memory(cluster):
    """Of Holdfast, resident, in MB."""
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            line = (status.parent / "cmdline").read_text()
            if "dev.holdfast.app.cli.Main" in line and "--kubernetes" in line and "--expose-selector" in line:
                return int(next(x for x in status.read_text().splitlines() if x.startswith("VmRSS")).split()[1]) // 1024
        except (OSError, StopIteration):
            pass
    return 0


def test_changes_take_effect_amid_many_routes_and_churn(shop):
    at = address(shop)
    began = time.monotonic()
    make(shop, "/api/v1/namespaces/shop/services", [service(i) for i in range(SERVICES)])
    make(shop, f"/apis/{SLICE}/namespaces/shop/endpointslices", [endpoints(f"s{i}", "10.244.0.1") for i in range(SERVICES)])
    make(shop, f"/apis/{API}/namespaces/shop/httproutes", [http_route(i) for i in range(ROUTES)])
    made = time.monotonic() - began
    wait(lambda: ask(shop, at=at, host=f"r{ROUTES - 1}.example")[0] in (502, 503), 600, "the last route")  # nothing listens at its endpoint
    serving = time.monotonic() - began
    wait(lambda: shop.get(API, "Gateway", "shop", "web")["status"]["listeners"][0]["attachedRoutes"] == ROUTES + 1, 600, "the last route in the status")
    before, plans = memory(shop), logs(shop).count("applied in")
    stop, turns = threading.Event(), [0]

    def churn():
        api, n = Api(shop), 0
        due = time.monotonic()
        while not stop.is_set():
            name = f"s{n % SERVICES}"
            api.call("PATCH", f"/apis/{SLICE}/namespaces/shop/endpointslices/{name}", {"endpoints": [{"addresses": [f"10.244.0.{2 + n % 7}"]}]},
                     "application/merge-patch+json")
            n += 1
            turns[0] = n
            due += 1 / CHANGES_A_SECOND
            time.sleep(max(0, due - time.monotonic()))
    other = threading.Thread(target=churn)
    other.start()
    lags, i, end = [], 0, time.monotonic() + SECONDS
    api = Api(shop)
    try:
        while time.monotonic() < end:
            i += 1
            wanted = f"turn-{i}"
            patch = {"spec": {"rules": [{"filters": [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": "x-turn", "value": wanted}]}}],
                                         "backendRefs": [{"name": "echo", "port": 8080}]}]}}
            api.call("PATCH", f"/apis/{API}/namespaces/shop/httproutes/echo", patch, "application/merge-patch+json")
            changed = time.monotonic()
            wait(lambda: ask(shop, at=at)[1].get("x-turn") == wanted, 120, wanted)
            lags.append(time.monotonic() - changed)
    finally:
        stop.set()
        other.join()
    lags.sort()
    print(f"routes {ROUTES}, Services {SERVICES}: written in {made:.0f} s, served after {serving:.0f} s; {turns[0]} endpoint changes in {SECONDS} s,"
          f" {logs(shop).count('applied in') - plans} plans, {len(lags)} changes of a route: lag median {statistics.median(lags) * 1000:.0f} ms,"
          f" p99 {lags[min(len(lags) - 1, int(len(lags) * .99))] * 1000:.0f} ms; resident {before} MB before, {memory(shop)} MB after", flush=True)
    assert turns[0] > 0 and len(lags) > 0
