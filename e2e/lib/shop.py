"""A shop in a cluster: a Gateway with a route to an echo server, and Holdfast itself from deploy/, run from what is built here."""
import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import yaml
from websockets.sync.client import connect

from conftest import absent

from . import kube
from .kube import ROOT, inside, wait

API = "gateway.networking.k8s.io/v1"
OURS = "gateway.holdfast.dev/gatewayclass-controller"
SYSTEM = "holdfast-system"

HTTP = "{name: http, port: 80, protocol: HTTP}"


def gateway(name, *listeners, of="holdfast", proxy=None):
    """A Gateway of this class, with an HTTP listener where no other is given; what is made for it an EnvoyProxy may say."""
    parameters = f"\n  infrastructure: {{parametersRef: {{group: gateway.envoyproxy.io, kind: EnvoyProxy, name: {proxy}}}}}" if proxy else ""
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: shop}}
spec:
  gatewayClassName: {of}{parameters}
  listeners: [{", ".join(listeners or (HTTP,))}]
"""


SHOP = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: shop}}
---{gateway("web")}---""" + """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: echo, namespace: shop}
spec:
  parentRefs: [{name: web}]
  hostnames: [shop.example]
  rules: [{backendRefs: [{name: echo, port: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec: {selector: {app: echo}, ports: [{port: 8080, targetPort: 3000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo, namespace: shop}
spec:
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers:
        - name: echo
          image: example/shop-echo:v1
          env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: NAMESPACE, value: shop}]
"""


def route(name, path, more=""):
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: shop}}
spec:
  parentRefs: [{{name: web}}]
  hostnames: [shop.example]
  rules:
    - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]
      filters: [{{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-route, value: {name}}}]}}}}]
      backendRefs: [{{name: echo, port: 8080}}]
{more}"""


def proxy(name, kubernetes, spec=""):
    """An EnvoyProxy that says this of what is made."""
    return f"""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {{name: {name}, namespace: shop}}
spec: {{{spec + ", " if spec else ""}provider: {{type: Kubernetes, kubernetes: {{{kubernetes}}}}}}}
"""


def install_envoy_proxies(cluster):
    """The kind, as far as it is needed here."""
    cluster.apply("""
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: envoyproxies.gateway.envoyproxy.io}
spec:
  group: gateway.envoyproxy.io
  scope: Namespaced
  names: {kind: EnvoyProxy, listKind: EnvoyProxyList, plural: envoyproxies, singular: envoyproxy}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
""")
    wait(lambda: cluster.path("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy"), 30, "the kind")


class Image:
    """What is built, where a user without rights may read it, as an image would have it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-image-", dir="/var/tmp"))
        subprocess.run([str(ROOT / "holdfast"), "--version"], check=True, stdout=subprocess.DEVNULL)
        target = ROOT / "app" / "target"
        shutil.copytree(target / "lib", self.folder / "lib")
        for jar in target.glob("app-*.jar"):
            shutil.copy(jar, self.folder / "lib" / "app.jar")
        java = subprocess.run(["bash", "-c", f". {ROOT}/build/find-jdk.sh; holdfast_find_jdk; echo $JAVA_HOME"],
                              capture_output=True, text=True, check=True).stdout.strip()
        self.program = self.folder / "holdfast"
        # As the image begins, and as if the Pod's limit of memory were that of a container.
        flags = re.search(r"<entrypoint>(.*?)<arg>-cp</arg>", (ROOT / "app" / "pom.xml").read_text(), re.S).group(1)
        flags = " ".join(re.findall(r"<arg>(-.*?)</arg>", flags))
        self.program.write_text(f"""#!/bin/sh
exec {java}/bin/java {flags} ${{MEMORY_LIMIT:+-XX:MaxRAM=$MEMORY_LIMIT}} -cp "{self.folder}/lib/*" dev.holdfast.app.cli.Main "$@"
""")
        subprocess.run(["chmod", "-R", "a+rX", str(self.folder)], check=True)
        self.program.chmod(0o755)

    def echo(self):
        """A program for Pods that echoes; the tests' own, so that it needs no building."""
        script = self.folder / "echo"
        script.write_text(f"#!/bin/sh\ncd {ROOT}/e2e && exec {sys.executable} -m lib.backend 3000\n")
        script.chmod(0o755)
        return script

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def unless_possible():
    """Skips where there can be no cluster, and fails there in CI."""
    why = kube.possible() or (None if (kube.BUILT / "cluster").exists() else "e2e/kube/build.sh has not built it")
    if why:
        absent(f"no cluster: {why}")


def chart(*values):
    """What helm would render."""
    return subprocess.run([kube.BUILT / "chart", ROOT / "deploy" / "chart", *values], capture_output=True, text=True, check=True).stdout


def pods(cluster):
    return [p for p in cluster.get("v1", "Pod", SYSTEM)["items"] if "deletionTimestamp" not in p["metadata"]]


def logs(cluster):
    return "\n".join(cluster.pods_log(SYSTEM, p["metadata"]["name"]) for p in pods(cluster))


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


def address(cluster, name="web"):
    return wait(lambda: cluster.get(API, "Gateway", "shop", name)["status"]["addresses"][0]["value"], 90, "an address")


def ask(cluster, path="/", at=None, host="shop.example"):
    """Status and headers of an answer through the Gateway."""
    at = at or address(cluster)
    with inside(cluster.name):
        link = http.client.HTTPConnection(*(at.split(":") if ":" in at else (at, 80)), timeout=30)
        link.request("GET", path, headers={"Host": host})
        answer = link.getresponse()
        answer.read()
        link.close()
    return answer.status, {k.lower(): v for k, v in answer.getheaders()}


class Socket:
    """A WebSocket through the Gateway to the echo server."""

    def __init__(self, cluster, at=None):
        host, _, port = (at or address(cluster)).partition(":")
        with inside(cluster.name):
            link = socket.create_connection((host, int(port or 80)), timeout=20)
        link.settimeout(None)  # or it would end when it has been quiet for so long
        self.link = connect("ws://shop.example/ws", sock=link, origin="http://shop.example", open_timeout=20, ping_interval=None)

    def echo(self, text):
        self.link.send(text)
        assert self.link.recv(timeout=60) == text

    def close(self):
        self.link.close()


class Meanwhile:
    """Runs ``turn(n)`` again and again on a thread of its own while a block lasts, so many times a second at most; what it raises the block's end does."""

    def __init__(self, a_second, turn):
        self.turns, self._failure = 0, None
        self._pause, self._turn = 1 / a_second, turn
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        due = time.monotonic()
        try:
            while not self._ended.is_set():
                self._turn(self.turns)
                self.turns += 1
                due += self._pause
                time.sleep(max(0, due - time.monotonic()))
        except Exception as e:
            self._failure = e

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        if self._failure:
            raise self._failure


class Traffic(Meanwhile):
    """Requests one after another; ``seen`` is each other outcome than 200."""

    def __init__(self, cluster, at):
        self.cluster, self.at, self.seen = cluster, at, []
        super().__init__(10, self._ask)

    def _ask(self, _):
        try:
            outcome = ask(self.cluster, at=self.at)[0]
        except (OSError, http.client.HTTPException) as e:
            outcome = repr(e)
        if outcome != 200:
            self.seen.append((time.strftime("%T"), outcome))


class Api:
    """One connection to the API server that is kept."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.link = cluster.link()

    def call(self, method, path, body, content="application/json"):
        self.link.request(method, path, body=json.dumps(body), headers={"Authorization": f"Bearer {self.cluster.token}", "Content-Type": content})
        answer = self.link.getresponse()
        text = answer.read()
        assert answer.status < 300, (answer.status, text)


def make(cluster, path, documents):
    """Four at a time."""
    def some(part):
        api = Api(cluster)
        for document in part:
            api.call("POST", path, document)
        api.link.close()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(some, [documents[i::4] for i in range(4)]))


def conditions(status):
    return {c["type"]: (c["status"], c["reason"], c.get("observedGeneration")) for c in status["conditions"]}


def parents(cluster, name):
    return cluster.get(API, "HTTPRoute", "shop", name)["status"]["parents"]


DATAGRAMS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: datagrams, namespace: shop}
spec:
  gatewayClassName: holdfast
  listeners:
    - {name: udp, port: 53, protocol: UDP}
    - {name: http, port: 53, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: datagrams, namespace: shop}
spec:
  parentRefs: [{name: datagrams, sectionName: udp}]
  rules: [{backendRefs: [{name: datagrams, port: 53}]}]
---
apiVersion: v1
kind: Service
metadata: {name: datagrams, namespace: shop}
spec: {ports: [{port: 53, targetPort: PORT, protocol: UDP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: datagrams, namespace: shop, labels: {kubernetes.io/service-name: datagrams}}
addressType: IPv4
ports: [{name: "", port: PORT, protocol: UDP}]
endpoints: [{addresses: [10.244.0.1]}]
"""


@contextlib.contextmanager
def udp_echo(cluster):
    """Echoes datagrams on the node; the port."""
    with inside(cluster.name):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("10.244.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                data, client = server.recvfrom(2048)
                server.sendto(data, client)
    threading.Thread(target=serve, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


def datagram(cluster, at, port, text):
    """What comes back for a datagram, or nothing within a second."""
    with inside(cluster.name):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.settimeout(1)
        client.sendto(text, (at, port))
        return client.recv(2048)


def datagrams_pass(cluster):
    """A Gateway with a UDP and an HTTP listener on one port: its Service has both, and both lead to what listens."""
    with udp_echo(cluster) as port:
        cluster.apply(DATAGRAMS.replace("PORT", str(port)))
        at = address(cluster, "datagrams")
        wait(lambda: datagram(cluster, at, 53, b"ping") == b"ping", 180, "a datagram's echo")
        service = next(s for s in cluster.get("v1", "Service", SYSTEM)["items"] if s["metadata"]["annotations"].get("holdfast.dev/gateway") == "shop/datagrams")
        assert {(p["protocol"], p["port"]) for p in service["spec"]["ports"]} == {("TCP", 53), ("UDP", 53)}
    cluster.delete(API, "Gateway", "shop", "datagrams")


def conformance(cluster, folder):
    """The Gateway API's own suite, unchanged, with every feature that our GatewayClass says we support. HOLDFAST_CONFORMANCE_REPORT names a file for
    its report."""
    cluster.delete("v1", "Namespace", name="shop")
    features = [f["name"] for f in cluster.get(API, "GatewayClass", name="holdfast")["status"]["supportedFeatures"]]
    report = pathlib.Path(os.environ.get("HOLDFAST_CONFORMANCE_REPORT", folder / "report.yaml"))
    line = [kube.BUILT / "conformance.test", "-test.run=^TestConformance$", "-test.timeout=40m", "-test.parallel=8", "--gateway-class=holdfast",
            "--conformance-profiles=GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS", f"--supported-features={','.join(features)}", f"--report-output={report}",
            "--cleanup-base-resources=false", "--organization=holdfast", "--project=holdfast", "--url=https://holdfast.dev", "--version=0.1.0",
            "--contact=none", "--usable-address=10.244.1.250", "--unusable-address=192.0.2.1"]
    with open(folder / "conformance.log", "w") as log:
        done = subprocess.run(cluster.command(*line), cwd=folder, env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)}, stdout=log,
                              stderr=subprocess.STDOUT, timeout=2700)
    said = (folder / "conformance.log").read_text()
    failed = re.findall(r"^\s*--- FAIL: (\S+)", said, re.M)
    assert not failed and done.returncode == 0, "\n".join(failed) + said[-3000:]
    for profile in yaml.safe_load(report.read_text())["profiles"]:
        assert profile["core"]["result"] == profile["extended"]["result"] == "success", profile
