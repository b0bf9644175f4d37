"""Connections that are relayed as they come (TCPRoute, TLSRoute, UDPRoute) and client certificates, on both planes."""
import socket
import socketserver
import ssl
import threading

import pytest

from lib.gateway import BOTH_PLANES, Gateway, offset_for, wait
from lib.manifests import authorities, documents, service, tls_secret
from lib.peers import Authority

pytestmark = BOTH_PLANES

TCP, TLS, HTTPS, DNS = 500, 501, 502, 553
MANIFESTS = """apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: app}
spec:
  gatewayClassName: holdfast
  listeners:
    - {name: tcp, port: 500, protocol: TCP}
    - {name: pass, port: 501, protocol: TLS, hostname: "*.pass.test", tls: {mode: Passthrough}}
    - {name: ended, port: 501, protocol: TLS, hostname: ended.test, tls: {mode: Terminate, certificateRefs: [{name: cert}]}}
    - {name: https, port: 502, protocol: HTTPS, hostname: web.test, tls: {certificateRefs: [{name: cert}]}}
    - {name: dns, port: 553, protocol: UDP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: tcp, namespace: app}
spec:
  parentRefs: [{name: gw, sectionName: tcp}]
  rules: [{backendRefs: [{name: echo, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: pass, namespace: app}
spec:
  parentRefs: [{name: gw, sectionName: pass}]
  hostnames: [a.pass.test]
  rules: [{backendRefs: [{name: sealed, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: ended, namespace: app}
spec:
  parentRefs: [{name: gw, sectionName: ended}]
  hostnames: [ended.test]
  rules: [{backendRefs: [{name: echo, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: dns, namespace: app}
spec:
  parentRefs: [{name: gw, sectionName: dns}]
  rules: [{backendRefs: [{name: datagrams, port: 53}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: app}
spec:
  parentRefs: [{name: gw, sectionName: https}]
  rules: [{backendRefs: [{name: web, port: 80}]}]
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: {name: clients, namespace: app}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw, sectionName: https}]
  headers: {xForwardedClientCert: {mode: SanitizeSet, certDetailsToAdd: [DNS]}}
  tls:
    clientValidation:
      caCertificateRefs: [{kind: ConfigMap, name: clients}]
      subjectAltNames: {dnsNames: [{type: Suffix, value: .clients.test}]}
"""


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(4096):
                self.request.sendall(b"echo " + data)
        except OSError:
            pass


class Datagrams(socketserver.BaseRequestHandler):
    def handle(self):
        data, answer = self.request
        answer.sendto(b"echo " + data, self.client_address)


class Sealed(socketserver.ThreadingTCPServer):
    context = None

    def get_request(self):
        connection, address = super().get_request()
        return self.context.wrap_socket(connection, server_side=True), address

    def handle_error(self, *_):
        pass


def serving(server):
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class World:
    def __init__(self, folder, plane, backend):
        (folder / "authority").mkdir()
        self.authority = Authority(folder / "authority")
        crt, key, _ = self.authority.issue("web.test", "ended.test", "a.pass.test")
        Sealed.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        Sealed.context.load_cert_chain(crt, key)
        echo, sealed = (serving(kind(("127.0.0.1", 0), Echo)) for kind in (socketserver.ThreadingTCPServer, Sealed))
        datagrams = serving(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Datagrams))
        self.servers = [echo, sealed, datagrams]
        manifests = folder / "manifests"
        manifests.mkdir()
        (manifests / "all.yaml").write_text(
            documents(MANIFESTS, service("echo"), service("sealed"), service("web"), service("datagrams", "port: 53, protocol: UDP"),
                      tls_secret("cert", crt, key), authorities("clients", self.authority.pem)))
        self.offset = offset_for(TCP, TLS, HTTPS, DNS)
        ports = {"echo": echo.server_address[1], "sealed": sealed.server_address[1], "web": backend.port, "datagrams": datagrams.server_address[1]}
        resolve = [word for name, port in ports.items() for word in ("--resolve", f"app/{name}=127.0.0.1:{port}")]
        self.gateway = Gateway("-f", manifests, "--port-offset", self.offset, *resolve, plane=plane)

    def plain(self, port):
        return socket.create_connection(("127.0.0.1", port + self.offset), 10)

    def tls(self, port, name, certificate=None):
        context = ssl.create_default_context(cafile=self.authority.pem)
        if certificate:
            context.load_cert_chain(*certificate[:2])
        return context.wrap_socket(self.plain(port), server_hostname=name)

    def page(self, certificate=None):
        """Status line and headers at the backend; empty where the connection ends."""
        try:
            with self.tls(HTTPS, "web.test", certificate) as s:
                s.sendall(b"GET / HTTP/1.1\r\nhost: web.test\r\nx-forwarded-client-cert: forged\r\nconnection: close\r\n\r\n")
                return s.recv(4096).decode().split("\r\n")[0]
        except OSError:
            return ""


@pytest.fixture
def world(tmp_path, plane, backend):
    made = World(tmp_path, plane, backend)
    with made.gateway:
        made.gateway.ready()
        yield made
    for server in made.servers:
        server.shutdown()
        server.server_close()


def said(connection, text=b"hello"):
    connection.sendall(text)
    return connection.recv(100)


def test_tcp_tls_and_udp_reach_their_backends(world):
    with world.plain(TCP) as s:
        assert said(s) == b"echo hello"
    with world.tls(TLS, "a.pass.test") as s:
        assert said(s) == b"echo hello"
    with world.tls(TLS, "ended.test") as s:
        assert said(s) == b"echo hello"
    with pytest.raises(OSError):
        world.tls(TLS, "b.pass.test")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)

        def answered():
            s.sendto(b"hello", ("127.0.0.1", DNS + world.offset))
            try:
                return s.recv(100) == b"echo hello"
            except TimeoutError:
                return False
        wait(answered, 20)


def test_a_client_shows_a_certificate_that_the_policy_wants(world, backend):
    good = world.authority.issue("me.clients.test")
    assert world.page(good) == "HTTP/1.1 200 OK"
    assert "x-forwarded-client-cert: " in backend.heads[-1].lower() and "dns=me.clients.test" in backend.heads[-1].lower()
    assert "forged" not in backend.heads[-1]
    assert world.page() == ""
    assert world.page(world.authority.issue("me.elsewhere.test")) == ""
