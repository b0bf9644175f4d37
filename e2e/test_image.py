"""The image of deploy/image/build.sh: an OCI tar whose root is run as a container would run it, without rights and read-only."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tarfile
import time
import urllib.error
import urllib.request

import pytest

from conftest import absent
from lib.gateway import ROOT, free_port

MANIFEST = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw}}
spec:
  gatewayClassName: c
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
"""

# What a container has beside its image: /proc, /dev, a writable /tmp, and here the manifests.
INSIDE = """set -e
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
for node in null zero random urandom; do mount --bind "/dev/$node" "$root/dev/$node"; done
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount --bind "$root.manifests" "$root/manifests"
mount -o remount,ro,bind "$root"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin {environment} chroot --userspec={user} "$root" "$@"
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    if os.geteuid() != 0 or not shutil.which("unshare"):
        absent("needs root and unshare, for namespaces of its own")
    subprocess.run([ROOT / "deploy" / "image" / "build.sh"], check=True, stdout=subprocess.DEVNULL)
    folder = tmp_path_factory.mktemp("image")
    with tarfile.open(ROOT / "app" / "target" / "holdfast-image.tar") as tar:
        tar.extractall(folder, filter="data")

    def blob(of):
        return folder / "blobs" / of["digest"].replace(":", "/")
    (index,) = json.loads((folder / "index.json").read_text())["manifests"]
    manifest = json.loads(blob(index).read_text())
    root = folder / "root"
    root.mkdir()
    for layer in manifest["layers"]:
        with tarfile.open(blob(layer)) as tar:
            tar.extractall(root, filter="tar")
    for empty in ("proc", "dev", "manifests"):
        (root / empty).mkdir(exist_ok=True)
    for node in ("null", "zero", "random", "urandom"):
        (root / "dev" / node).touch()
    (folder / "root.manifests").mkdir()
    return root, json.loads(blob(manifest["config"]).read_text())["config"]


def test_what_it_says_of_itself(image):
    root, config = image
    assert config["User"] == "65532:65532" and config["Entrypoint"][0] == "/jre/bin/java" and config["Entrypoint"][-1] == "dev.holdfast.app.cli.Main"
    assert not [p for p in root.rglob("*") if p.is_file() and p.stat().st_mode & 0o6000]


def run(image, *args, also=(), **how):
    root, config = image
    script = INSIDE.format(environment=" ".join(map(shlex.quote, [*config["Env"], *also])), user=config["User"])
    return subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", root, *config["Entrypoint"], *map(str, args)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)


def test_it_starts_in_as_little_memory_as_an_envoys_drain_is_given(image):
    source = (ROOT / "kubernetes/src/main/java/dev/holdfast/kubernetes/envoy/EnvoyObjects.java").read_text()
    (options,) = re.findall('"JDK_JAVA_OPTIONS", "value", "([^"]*)"', source)
    process = run(image, "envoy-drain", "--help", also=[f"JDK_JAVA_OPTIONS={options}"])
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "--drain-timeout" in said, said


def test_it_serves_without_rights_on_a_root_that_nobody_can_write(image):
    port, admin = free_port(), free_port()
    (pathlib.Path(f"{image[0]}.manifests") / "m.yaml").write_text(MANIFEST.format(port=port))
    process = run(image, "run", "-f", "/manifests", "--admin", f"127.0.0.1:{admin}", "--access-log", "off")

    def asked(at, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{at}{path}", timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as e:
            return e.code
        except OSError:
            return 0
    try:
        end = time.monotonic() + 120
        while asked(admin, "/readyz") != 200:
            assert process.poll() is None, process.stdout.read()
            assert time.monotonic() < end, "not ready in two minutes"
            time.sleep(0.1)
        assert asked(port, "/") == 404 and asked(admin, "/") == 200
    finally:
        # unshare is ours; what it started is the only one of its namespace, and ends with it.
        children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        subprocess.run(["kill", *children], check=False)
        out, _ = process.communicate(timeout=60)
    assert "ready in" in out and "Read-only" not in out and "Exception" not in out, out


def test_version(image):
    out, _ = run(image, "--version").communicate(timeout=120)
    assert out.startswith("holdfast 0.1")
