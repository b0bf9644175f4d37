"""Real servers, each started with a configuration written for one test, and ended by its own process id."""
import asyncio
import datetime
import importlib.util
import pathlib
import shutil
import socket
import subprocess
import threading
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from . import frames
from .backend import Backend
from .gateway import free_port

HOST = "doctor.test"


class Application(Backend):
    """A Backend that lets in its own Origin only, or misbehaves as `mode` says."""

    def __init__(self, mode="sound"):
        self.mode = mode
        super().__init__()

    def stop(self):
        """Streams may be open still; they end first, quietly."""
        async def end():
            self._loop.set_exception_handler(lambda *_: None)
            others = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
        asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        super().stop()

    async def _one(self, reader, writer):
        peeked = await reader.readuntil(b"\r\n\r\n")
        if peeked.startswith(b"GET /ten-events "):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for n in range(10):
                writer.write(b"data: %d\n\n" % n)
                await writer.drain()
                await asyncio.sleep(0.12)
            return False
        if self.mode == "trusts no proxy" and b"\r\nx-forwarded-for:" in peeked.lower():
            # As Home Assistant does to whatever comes from a proxy that is not in trusted_proxies.
            self._answer(writer, "400 Bad Request", b"400: Bad Request", "text/plain; charset=utf-8")
            await writer.drain()
            return True
        reader._buffer[:0] = peeked
        return await super()._one(reader, writer)

    async def _websocket(self, headers, reader, writer):
        origin = headers.get("origin", "").split("://")[-1]
        if origin and (self.mode == "refuses origin" or origin != headers.get("host", "").removesuffix(":443")):
            self._answer(writer, "403 Forbidden", b"origin not allowed", "text/plain")
            await writer.drain()
            return
        if self.mode == "closes 1008":
            await super()._websocket(headers, _End(), writer)
            writer.write(frames.frame(frames.CLOSE, b"\x03\xf0no token"))
            await writer.drain()
            return
        await super()._websocket(headers, reader, writer)


class _End:
    async def read(self, _):
        return b""


class Strange:
    """A TCP server that says `greeting`, or nothing, to whatever comes; or does what `talk(connection)` does."""

    def __init__(self, greeting=b"", talk=None):
        self._server = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self._server.getsockname()[1]
        self._talk = talk or (lambda connection: connection.sendall(greeting))
        self._kept = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                connection, _ = self._server.accept()
                self._kept.append(connection)
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()
        except OSError:
            for connection in self._kept:
                connection.close()

    def _one(self, connection):
        try:
            self._talk(connection)
        except OSError:
            pass

    def stop(self):
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


class Authority:
    """Makes certificates for tests, expired ones too."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "e2e authority")])
        now = datetime.datetime.now(datetime.timezone.utc)
        self._certificate = self._sign(self._name, self._key.public_key(), now - datetime.timedelta(days=400), now + datetime.timedelta(days=400), ca=True)
        self.pem = self.folder / "ca.pem"
        self.pem.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject, key, start, end, ca=False, names=()):
        builder = (x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
                   .serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
                   .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True))
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def issue(self, *names, days=90, ago=10):
        """(certificate file, key file, both in one file) valid from `ago` days ago until in `days` days."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "e2e")]), key.public_key(), now - datetime.timedelta(days=ago), now + datetime.timedelta(days=days), names=names or (HOST,))
        crt, pem, both = (self.folder / f"{len(list(self.folder.iterdir()))}.{end}" for end in ("crt", "key", "both"))
        crt.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        both.write_bytes(crt.read_bytes() + pem.read_bytes())
        return crt, pem, both


class Peer:
    """A process that listens on `port` once it is ready."""

    def __init__(self, line, port, folder):
        self.port = port
        self._log = open(pathlib.Path(folder) / "peer.log", "w+")
        self._process = subprocess.Popen([str(p) for p in line], stdout=self._log, stderr=subprocess.STDOUT, cwd=folder)
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    self._log.seek(0)
                    raise AssertionError("the peer did not start:\n" + self._log.read()[-2000:])
                time.sleep(0.05)

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()


def nginx(folder, location, backend, tls=None, http2=True, server=""):
    port = free_port()
    listen = f"listen 127.0.0.1:{port}" + (" ssl" + (" http2" if http2 else "") if tls else "") + ";"
    certificate = f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};" if tls else ""
    config = pathlib.Path(folder) / "nginx.conf"
    config.write_text(f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{ {listen} {certificate} {server}
    location / {{ proxy_pass http://127.0.0.1:{backend}; {location} }}
  }}
}}
""")
    return Peer(["nginx", "-p", folder, "-c", config], port, folder)


NGINX_UPGRADE = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; proxy_set_header Host $http_host;"


def haproxy(folder, backend, tls, tunnel="1h", alpn="h2,http/1.1"):
    port = free_port()
    config = pathlib.Path(folder) / "haproxy.cfg"
    config.write_text(f"""defaults
  mode http
  timeout connect 5s
  timeout client 1m
  timeout server 1m
  timeout tunnel {tunnel}
frontend in
  bind 127.0.0.1:{port} ssl crt {tls[2]} alpn {alpn}
  default_backend out
backend out
  server one 127.0.0.1:{backend}
""")
    return Peer(["haproxy", "-db", "-f", config], port, folder)


def caddy(folder, backend, tls):
    port = free_port()
    config = pathlib.Path(folder) / "Caddyfile"
    config.write_text(f"""{{
  admin off
  auto_https off
  persist_config off
}}
https://{HOST}:{port} {{
  bind 127.0.0.1
  tls {tls[0]} {tls[1]}
  reverse_proxy 127.0.0.1:{backend}
}}
""")
    return Peer([caddy_binary(), "run", "--config", config], port, folder)


def caddy_binary():
    found = shutil.which("caddy")
    if found:
        return found
    import sys
    return pathlib.Path(sys.executable).parent / "caddy"


def envoy_binary():
    package = importlib.util.find_spec("envoy")
    folder = pathlib.Path(list(package.submodule_search_locations)[0]) / "_bin"
    return next(p for p in folder.iterdir() if p.is_file() and p.name.startswith("envoy"))


def envoy(folder, backend, tls=None, alpn=("h2", "http/1.1"), upgrade=True, timeout="15s", allow_connect=False, client_protocol=False, codec="AUTO",
          domain="*", also=None, upstream_tls=False):
    """Envoy as Envoy Gateway configures it, in so far as it matters here. `backend` None is a cluster without endpoints, `also` a second one;
    `upstream_tls`: TLS to the backend, which picks HTTP/1.1 or HTTP/2 by ALPN."""
    port = free_port()
    upgrades = "upgrade_configs: [{upgrade_type: websocket}]" if upgrade else ""
    transport = f"""
      transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [{", ".join(f'"{a}"' for a in alpn)}]
            tls_certificates:
            - certificate_chain: {{filename: "{tls[0]}"}}
              private_key: {{filename: "{tls[1]}"}}
""" if tls else ""
    protocol = "explicit_http_config: {http_protocol_options: {}}"
    if client_protocol or upstream_tls:
        protocol = ("use_downstream_protocol_config" if client_protocol else "auto_config") + ": {http_protocol_options: {}, http2_protocol_options: {}}"
    upstream = """
    transport_socket:
      name: tls
      typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, sni: doctor.test}
""" if upstream_tls else ""
    endpoints = ", ".join("{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}}" % p for p in (backend, also) if p)
    config = pathlib.Path(folder) / "envoy.yaml"
    config.write_text(f"""
static_resources:
  listeners:
  - name: in
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          codec_type: {codec}
          use_remote_address: true
          {"http2_protocol_options: {allow_connect: true}" if allow_connect else ""}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["{domain}"]
              routes:
              - match: {{prefix: "/"}}
                route:
                  cluster: out
                  timeout: {timeout}
                  {upgrades}
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
{transport}
  clusters:
  - name: out
    type: STATIC
{upstream}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        {protocol}
    load_assignment:
      cluster_name: out
      endpoints: [{{lb_endpoints: [{endpoints}]}}]
""")
    return Peer([envoy_binary(), "-c", config, "--use-dynamic-base-id", "--concurrency", "1", "-l", "warning"], port, folder)
