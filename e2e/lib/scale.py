"""Many routes and Services in the cluster of the shop, and endpoints that come and go all the time. HOLDFAST_SCALE=5000 HOLDFAST_SCALE_SECONDS=600
is what docs/kubernetes.md speaks of; a tenth of it for a quarter of a minute is what CI can afford."""
import os
import pathlib

from .shop import API, Api, Meanwhile, make, pods

ROUTES = int(os.environ.get("HOLDFAST_SCALE", "500"))
SERVICES = ROUTES * 2 // 5
CHANGES_A_SECOND = 50
SECONDS = int(os.environ.get("HOLDFAST_SCALE_SECONDS", "15"))
STREAMS = 50
SLICE = "discovery.k8s.io/v1"
LABELS = {"scale": "yes"}


def service(i):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{i}", "namespace": "shop", "labels": LABELS}, "spec": {"ports": [{"port": 80, "targetPort": 3000}]}}


def endpoints(name, address):
    return {"apiVersion": SLICE, "kind": "EndpointSlice", "metadata": {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": name, **LABELS}},
            "addressType": "IPv4", "ports": [{"name": "", "port": 3000}], "endpoints": [{"addresses": [address]}]}


def http_route(i):
    return {"apiVersion": API, "kind": "HTTPRoute", "metadata": {"name": f"r{i}", "namespace": "shop", "labels": LABELS},
            "spec": {"parentRefs": [{"name": "web"}], "hostnames": [f"r{i}.example"], "rules": [{"backendRefs": [{"name": f"s{i % SERVICES}", "port": 80}]}]}}


def begin(cluster):
    """Makes them all."""
    make(cluster, "/api/v1/namespaces/shop/services", [service(i) for i in range(SERVICES)])
    make(cluster, f"/apis/{SLICE}/namespaces/shop/endpointslices", [endpoints(f"s{i}", "10.244.0.1") for i in range(SERVICES)])
    make(cluster, f"/apis/{API}/namespaces/shop/httproutes", [http_route(i) for i in range(ROUTES)])


def end(cluster):
    for path in (f"/apis/{API}/namespaces/shop/httproutes", f"/apis/{SLICE}/namespaces/shop/endpointslices"):
        cluster.call("DELETE", path + "?labelSelector=scale%3Dyes")
    for i in range(SERVICES):
        cluster.delete("v1", "Service", "shop", f"s{i}")


def churn(cluster):
    """Changes of endpoints."""
    api = Api(cluster)
    return Meanwhile(CHANGES_A_SECOND, lambda n: api.call(
        "PATCH", f"/apis/{SLICE}/namespaces/shop/endpointslices/s{n % SERVICES}", {"endpoints": [{"addresses": [f"10.244.0.{2 + n % 7}"]}]},
        "application/merge-patch+json"))


class Process:
    """Holdfast's own, of the one Pod."""

    def __init__(self, cluster):
        (pod,) = pods(cluster)
        self.folder = pathlib.Path("/proc") / str(cluster.process(pod["metadata"]["name"], "dev.holdfast.app.cli.Main"))

    def resident(self):
        """In MB."""
        return int(next(x for x in (self.folder / "status").read_text().splitlines() if x.startswith("VmRSS")).split()[1]) // 1024

    def cpu(self):
        """Seconds of a processor so far."""
        return sum(map(int, (self.folder / "stat").read_text().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
