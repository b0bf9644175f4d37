"""A Kubernetes cluster without containers, in a network namespace of its own: the real kube-apiserver and controllers, Debian's etcd,
and Pods that run as processes in namespaces of theirs. Built by e2e/kube/build.sh. Needs root.

By hand: e2e/.cache/venv/bin/python -m lib.kube   starts one and says how to reach it, until Ctrl-C."""
import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import secrets
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = ROOT / "e2e" / ".cache" / "kube"
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
PATIENCE = float(os.environ.get("HOLDFAST_PATIENCE", "4"))
ENDS = [signal.SIGINT, signal.SIGTERM]


@contextlib.contextmanager
def inside(namespace):
    """Sockets that this thread opens meanwhile belong to the network namespace."""
    def enter(path):
        with open(path) as f:
            if _LIBC.setns(f.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {path}")
    home = f"/proc/self/task/{threading.get_native_id()}/ns/net"
    kept = os.open(home, os.O_RDONLY)
    enter(f"/run/netns/{namespace}")
    try:
        yield
    finally:
        enter(f"/proc/self/fd/{kept}")
        os.close(kept)


class Cluster:
    """``images``: substring of an image to the program that stands for it."""

    def __init__(self, folder, images=None, name=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name or f"hfk{os.getpid()}"
        self.images = {"echo-basic": BUILT / "echo-basic", **(images or {})}
        self.kubeconfig = self.folder / "kubeconfig"
        self.token = secrets.token_hex(16)
        self.processes = {}
        self._kinds = {}

    # --- processes ---------------------------------------------------------

    def __enter__(self):
        try:
            self._network()
            self._files()
            self.start_etcd()
            self.start_apiserver()
            self.start_controllers()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        for what in ("controllers", "apiserver", "etcd"):
            self.stop(what)
        for namespace in _namespaces():
            if namespace == self.name or namespace.startswith(self.name + "-"):
                subprocess.run(["ip", "netns", "del", namespace], check=False)

    def _network(self):
        script = """set -e
            ip netns add NAME
            ip -n NAME link set lo up
            ip -n NAME link add pods type bridge
            ip -n NAME addr add 10.244.0.1/24 dev pods
            ip -n NAME link set pods up
            ip -n NAME addr add 10.96.0.1/16 dev lo
            ip netns exec NAME sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'"""
        subprocess.run(["sh", "-c", script.replace("NAME", self.name)], check=True)

    def _files(self):
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        (self.folder / "sa.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (self.folder / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")

    def _start(self, what, *line):
        log = open(self.folder / f"{what}.log", "ab")
        self.processes[what] = subprocess.Popen(
            ["ip", "netns", "exec", self.name, *map(str, line)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)
        log.close()

    def stop(self, what, how=signal.SIGTERM):
        process = self.processes.pop(what, None)
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def start_etcd(self):
        peer = "http://127.0.0.1:2380"
        self._start("etcd", BUILT / "etcd", "--data-dir", self.folder / "etcd", "--name", "one", "--unsafe-no-fsync",
                    "--listen-client-urls", "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379",
                    "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"one={peer}")

    def start_apiserver(self):
        f = self.folder
        self._start("apiserver", BUILT / "cluster", "apiserver", "--etcd-servers=http://127.0.0.1:2379", "--bind-address=0.0.0.0",
                    "--secure-port=6443", "--advertise-address=10.244.0.1", "--endpoint-reconciler-type=none", f"--cert-dir={f}",
                    f"--token-auth-file={f}/tokens.csv", "--authorization-mode=RBAC",
                    "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={f}/sa.key",
                    f"--service-account-signing-key-file={f}/sa.key", "--service-cluster-ip-range=10.96.0.0/16",
                    "--kubelet-preferred-address-types=InternalIP", "--profiling=false")
        self._wait("apiserver", lambda: self._ready())
        self.kubeconfig.write_text(yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": "https://10.96.0.1:6443", "certificate-authority": str(f / "apiserver.crt")}}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}]}))
        self.kubeconfig.chmod(0o600)

    def start_controllers(self):
        images = [f"--image={part}={program}" for part, program in self.images.items()]
        self._start("controllers", BUILT / "cluster", "controllers", f"--kubeconfig={self.kubeconfig}", f"--root-ca={self.folder}/apiserver.crt",
                    f"--net={self.name}", f"--dir={self.folder}/pods", *images)
        self._wait("controllers", lambda: b" ready\n" in (self.folder / "controllers.log").read_bytes())

    def _ready(self):
        try:
            return self.raw("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _wait(self, what, done, seconds=180 * PATIENCE):
        end = time.monotonic() + seconds
        while not done():
            if self.processes[what].poll() is not None or time.monotonic() > end:
                log = (self.folder / f"{what}.log").read_text(errors="replace")
                raise AssertionError(f"{what} did not start:\n{log[-3000:]}")
            time.sleep(0.1)

    # --- the API -----------------------------------------------------------

    def link(self):
        """A connection to the API server."""
        with inside(self.name):
            trust = ssl.create_default_context(cafile=str(self.folder / "apiserver.crt"))
            made = http.client.HTTPSConnection("10.96.0.1", 6443, context=trust, timeout=60)
            made.connect()
        return made

    def raw(self, method, path, body=None, content="application/json", token=None):
        link = self.link()
        try:
            link.request(method, path, body=body, headers={"Authorization": f"Bearer {token or self.token}", "Content-Type": content})
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        finally:
            link.close()

    def call(self, method, path, body=None, content="application/json"):
        status, text = self.raw(method, path, None if body is None else json.dumps(body), content)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {text}")
        return json.loads(text)

    def path(self, api, kind, namespace=None, name=None):
        """Of a kind such as ("gateway.networking.k8s.io/v1", "Gateway")."""
        base = f"/api/{api}" if "/" not in api else f"/apis/{api}"
        if (api, kind) not in self._kinds:
            for r in self.call("GET", base)["resources"]:
                if "/" not in r["name"]:
                    self._kinds[(api, r["kind"])] = (r["name"], r["namespaced"])
        plural, namespaced = self._kinds[(api, kind)]
        at = base + (f"/namespaces/{namespace or 'default'}" if namespaced and (namespace or name) else "") + f"/{plural}"
        return at + (f"/{name}" if name else "")

    def apply(self, *texts):
        """Server-side apply of YAML texts or files, of several documents each."""
        for text in texts:
            text = text.read_text() if isinstance(text, pathlib.Path) else text
            for document in yaml.safe_load_all(text):
                if document:
                    meta = document["metadata"]
                    at = self.path(document["apiVersion"], document["kind"], meta.get("namespace"), meta["name"])
                    self.call("PATCH", f"{at}?fieldManager=test&force=true", document, "application/apply-patch+yaml")

    def get(self, api, kind, namespace=None, name=None):
        return self.call("GET", self.path(api, kind, namespace, name))

    def delete(self, api, kind, namespace=None, name=None):
        return self.call("DELETE", self.path(api, kind, namespace, name))

    def process(self, pod, program):
        """The process id of a program of a Pod, as the machine sees it."""
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"HOSTNAME={pod}".encode() in (folder / "environ").read_bytes().split(b"\0") and program in (folder / "cmdline").read_text():
                    return int(folder.name)
        raise AssertionError(f"no process {program} of the Pod {pod}")

    def install_gateway_api(self, channel="standard"):
        for file in sorted((BUILT / "crds" / channel).glob("*.yaml")):
            if file.name != "kustomization.yaml":
                self.apply(file)
        wait(lambda: "/httproutes" in self.path("gateway.networking.k8s.io/v1", "HTTPRoute"), 30)

    def command(self, *line):
        """A command line that runs inside the cluster's network."""
        return ["ip", "netns", "exec", self.name, *map(str, line)]

    def pods_log(self, namespace, pod):
        return self.raw("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}/log")[1]


def wait(done, seconds=60, what="it"):
    """Until ``done`` gives something true; what it gave. So many seconds are enough where nothing else runs; a busy machine is given more."""
    seconds *= PATIENCE
    end, last = time.monotonic() + seconds, None
    while time.monotonic() < end:
        try:
            last = done()
            if last:
                return last
        except (AssertionError, KeyError, OSError, IndexError, http.client.HTTPException) as e:
            last = e
        time.sleep(0.1)
    raise AssertionError(f"{what} was not so within {seconds} s; last: {last!r}")


def _namespaces():
    return [line.split()[0] for line in subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout.splitlines()]


def possible():
    """Why no cluster can be started here, or nothing."""
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    for tool in ("ip", "go"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    return None


if __name__ == "__main__":
    subprocess.run([str(ROOT / "e2e" / "kube" / "build.sh")], check=True)
    with tempfile.TemporaryDirectory(prefix="holdfast-kube") as folder, Cluster(folder, {"holdfast": ROOT / "holdfast"}) as cluster:
        cluster.install_gateway_api(*sys.argv[1:])
        print(f"ip netns exec {cluster.name} kubectl --kubeconfig {cluster.kubeconfig} get gateways -A", flush=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
        signal.sigwait(ENDS)
