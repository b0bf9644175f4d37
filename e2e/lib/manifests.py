"""Manifests: folders of them to change while the gateway runs, and pieces to make them of."""
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


def documents(*parts):
    """One text of them all; a part may be several documents itself."""
    return "---\n".join(parts)


def http_gateway(port=80, more=""):
    """app/gw with one listener, for HTTP."""
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw, namespace: app}}
spec:
  gatewayClassName: holdfast
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
{more}"""


ANY = "{path: {value: /}}"


def http_route(name, *refs, host=None, match=None, more=""):
    """A route of app/gw to these, from the path /NAME where nothing else is said; `more` is of its rule."""
    hostnames = f"  hostnames: [{host}]\n" if host else ""
    return f"""apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}, namespace: app}}
spec:
  parentRefs: [{{name: gw}}]
{hostnames}  rules:
    - matches: [{match or f"{{path: {{value: /{name}}}}}"}]
      backendRefs: [{", ".join(refs)}]
{more}"""


def ref(backend):
    """What an HTTPRoute, or a policy, says of a Backend."""
    return f"{{group: gateway.envoyproxy.io, kind: Backend, name: {backend}}}"


def ip_backend(name, *ports, more=""):
    """A Backend at these ports of the loopback address."""
    endpoints = ", ".join(f"{{ip: {{address: 127.0.0.1, port: {port}}}}}" for port in ports)
    return f"""apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {{name: {name}, namespace: app}}
spec:
  endpoints: [{endpoints}]
{more}"""


def service(name, port="port: 80"):
    return f"""apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: app}}
spec: {{ports: [{{{port}}}]}}
"""


def policy(kind, route, said, name=None):
    """For an HTTPRoute, and called as that is; what it has `said` stands in its spec, all but its first line indented as there."""
    return f"""apiVersion: gateway.envoyproxy.io/v1alpha1
kind: {kind}
metadata: {{name: {name or route}, namespace: app}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: HTTPRoute, name: {route}}}]
  {said}
"""


def block(key, file):
    """What a file has, as a value of `data` or `stringData`."""
    return f"  {key}: |\n" + "".join("    " + line + "\n" for line in file.read_text().splitlines())


def tls_secret(name, crt, key, namespace="app"):
    return f"""apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: {namespace}}}
type: kubernetes.io/tls
stringData:
{block("tls.crt", crt)}{block("tls.key", key)}"""


def authorities(name, file):
    """A ConfigMap of who may vouch for a certificate."""
    return f"""apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}, namespace: app}}
data:
{block("ca.crt", file)}"""


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
    return tls_secret(name, crt, key, "home-automation")
