"""Folders of manifests to change while the gateway runs."""
import pathlib
import shutil
import subprocess

from .gateway import ROOT

HOST = "home-assistant.ironstone.casa"


def copy_example(name, to):
    """A copy of examples/NAME that a test may edit."""
    folder = pathlib.Path(to) / name
    shutil.copytree(ROOT / "examples" / name, folder)
    return folder


def replace(file, old, new):
    """Written beside and renamed, as editors and kubectl do."""
    text = file.read_text()
    assert old in text, (old, text)
    write(file, text.replace(old, new))


def write(file, text):
    temporary = file.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.rename(file)


def route(name, port, path="/", gateway="envoy", host=None, extra=""):
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: home-automation}}
spec:
  parentRefs: [{{name: {gateway}}}]
  hostnames: ["{host or name + '.example.test'}"]
  rules:
    - matches: [{{path: {{type: PathPrefix, value: {path}}}}}]
{extra}      backendRefs: [{{name: {name}, port: {port}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: home-automation}}
spec:
  ports: [{{name: http, port: {port}}}]
---
{endpoints(name, port)}"""


def endpoints(name, *ports):
    slices = []
    for i, port in enumerate(ports):
        slices.append(f"""apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {name}-{i}
  namespace: home-automation
  labels: {{kubernetes.io/service-name: {name}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [127.0.0.1]}}]
""")
    return "---\n".join(slices)


def secret(name, hosts, folder):
    """A new certificate and key each time it is asked for."""
    key, crt = pathlib.Path(folder) / "k.pem", pathlib.Path(folder) / "c.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7", "-keyout", key, "-out", crt,
         "-subj", "/CN=e2e", "-addext", "subjectAltName=" + ",".join("DNS:" + h for h in hosts)],
        check=True, capture_output=True)
    indent = lambda p: "".join("    " + line + "\n" for line in p.read_text().splitlines())
    return f"""apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: home-automation}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
{indent(crt)}  tls.key: |
{indent(key)}"""
