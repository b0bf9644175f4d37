"""The peers and Holdfast, each with its good production settings: two workers, no access log, keep-alive upstreams, one certificate."""
import functools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"nothing listens on {port}")


class Process:
    """A process and its children; `cpu()` in seconds, `rss()` in bytes, of all of them but a Python that only starts one."""

    def __init__(self, name, line, folder, **options):
        self.name = name
        self.log = open(folder / f"{name}.log", "w")
        self.popen = subprocess.Popen([str(x) for x in line], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, **options)

    def pids(self):
        out, todo = [], [self.popen.pid]
        while todo:
            pid = todo.pop()
            try:
                if not os.readlink(f"/proc/{pid}/exe").rsplit("/", 1)[1].startswith("python"):
                    out.append(pid)
                for task in os.listdir(f"/proc/{pid}/task"):
                    todo += [int(c) for c in pathlib.Path(f"/proc/{pid}/task/{task}/children").read_text().split()]
            except OSError:
                pass
        return out

    def cpu(self):
        total = 0
        for pid in self.pids():
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return total / os.sysconf("SC_CLK_TCK")

    def rss(self):
        total = 0
        for pid in self.pids():
            try:
                for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
            except OSError:
                pass
        return total

    def heap(self):
        """Of a JVM, the bytes of live objects after a collection, and the resident bytes of its heap's pages; 0 and 0 of anything else."""
        if "/java" not in os.readlink(f"/proc/{self.popen.pid}/exe"):
            return 0, 0
        def said(command):
            jcmd = pathlib.Path(java()).with_name("jcmd")
            return subprocess.run([jcmd, str(self.popen.pid), command], capture_output=True, text=True, timeout=60).stdout
        live = int(said("GC.class_histogram").splitlines()[-1].split()[2])
        generations = re.findall(r"\[0x([0-9a-f]+), 0x[0-9a-f]+, 0x([0-9a-f]+)\)", said("GC.heap_info"))
        if not generations:
            raise RuntimeError("the heap's place is known of the serial collector only")
        low, high = min(int(g[0], 16) for g in generations), max(int(g[1], 16) for g in generations)
        resident, inside = 0, False
        for line in pathlib.Path(f"/proc/{self.popen.pid}/smaps").read_text().splitlines():
            mapping = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line)
            if mapping:
                inside = low <= int(mapping[1], 16) < high
            elif inside and line.startswith("Pss:"):
                resident += int(line.split()[1]) * 1024
        return live, resident

    def stop(self):
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(2)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        self.log.close()


NGINX_COMMON = """daemon off; pid {folder}/{name}.pid; error_log {folder}/{name}.err; worker_rlimit_nofile 20000;
events {{ worker_connections 19000; }}
"""


def backend(folder):
    """nginx with two small answers from memory: the same fast backend for everybody."""
    port = free_port()
    (folder / "1k").write_bytes(b"x" * 1024)
    (folder / "64k").write_bytes(b"x" * 65536)
    config = folder / "backend.conf"
    config.write_text(NGINX_COMMON.format(folder=folder, name="backend") + f"""worker_processes 1;
http {{ access_log off; keepalive_requests 1000000; sendfile on; tcp_nopush on; default_type text/plain; client_body_temp_path {folder}/b; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/b; uwsgi_temp_path {folder}/b; scgi_temp_path {folder}/b;
 server {{ listen 127.0.0.1:{port} reuseport backlog=4096; root {folder}; location = /post {{ return 200 "ok"; }} }} }}
""")
    process = Process("backend", ["nginx", "-c", config, "-p", folder], folder)
    wait_port(port)
    return process, port


@functools.cache
def java():
    found = subprocess.run(["bash", "-c", f". {ROOT}/build/find-jdk.sh && holdfast_find_jdk && echo $JAVA_HOME"], capture_output=True, text=True, check=True)
    return found.stdout.strip() + "/bin/java"


def jvm():
    """How the load's own JVMs are started."""
    return [java(), "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"]


def bench_classes(main):
    libs = [ROOT / "bench/target/bench-0.1.0-SNAPSHOT.jar", *(ROOT / "bench/target/lib").glob("*.jar")]
    return ["-cp", ":".join(map(str, libs)), f"dev.holdfast.bench.{main}"]


def echo(folder):
    port = free_port()
    process = Process("echo", [*jvm(), *bench_classes("Echo"), port], folder)
    wait_port(port)
    return process, port


def certificate(folder):
    crt, key = folder / "tls.crt", folder / "tls.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7", "-keyout", key, "-out", crt,
                    "-subj", "/CN=bench.test", "-addext", "subjectAltName=DNS:bench.test"], check=True, capture_output=True)
    (folder / "both.pem").write_text(crt.read_text() + key.read_text())


class Peer:
    """
    A proxy with a plain and a TLS port (h2 and http/1.1) before the backend; /ws goes to the echo. `hosts` more routes have a
    host name each. /mark-N, where N is the last change's number, is answered 204 by the proxy itself.
    """

    def __init__(self, folder, pages, sockets, hosts=0):
        self.folder, self.pages, self.sockets = folder, pages, sockets
        self.plain, self.tls = free_port(), free_port()
        self.hosts = [f"host{i}.example.test" for i in range(hosts)]
        self.mark = 0
        self.written = []

    def begin(self):
        """Started, and perhaps not listening yet."""
        self.write()
        self.give()
        self.process = Process(self.name, self.line(), self.folder, **self.options())
        return self

    def start(self):
        self.begin()
        wait_port(self.tls, 120)
        wait_port(self.plain, 120)
        return self

    def options(self):
        return {}

    def change(self):
        """One change more; gives the moment from which it was there to be taken."""
        self.mark += 1
        self.write()
        moment = time.monotonic()
        self.give()
        self.apply()
        return moment

    def put(self, name, text):
        """A file, which lies beside its place until it is given."""
        beside = self.folder / (pathlib.Path(name).name + ".tmp")
        beside.write_text(text)
        self.written.append((beside, self.folder / name))

    def give(self):
        for beside, place in self.written:
            beside.rename(place)
        self.written = []

    def stop(self):
        self.process.stop()


class Nginx(Peer):
    name = "nginx"

    @staticmethod
    def there():
        return shutil.which("nginx")

    def write(self):
        f = self.folder
        pass_on = "location / { proxy_pass http://pages; }"
        hosts = "".join(f" server {{ listen 127.0.0.1:{self.plain}; server_name {h}; {pass_on} }}\n" for h in self.hosts)
        self.put("nginx.conf", NGINX_COMMON.format(folder=f, name="nginx") + f"""worker_processes 2;
http {{ access_log off; keepalive_requests 1000000; tcp_nodelay on; client_body_temp_path {f}/t; proxy_temp_path {f}/t; fastcgi_temp_path {f}/t; uwsgi_temp_path {f}/t; scgi_temp_path {f}/t;
 proxy_buffers 16 8k; client_max_body_size 0; server_names_hash_max_size 65536;
 upstream pages {{ server 127.0.0.1:{self.pages}; keepalive 512; keepalive_requests 1000000; }}
 upstream sockets {{ server 127.0.0.1:{self.sockets}; }}
 server {{ listen 127.0.0.1:{self.plain} reuseport backlog=4096; listen 127.0.0.1:{self.tls} ssl http2 reuseport backlog=4096;
  ssl_certificate {f}/tls.crt; ssl_certificate_key {f}/tls.key; ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:10m;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
  {pass_on} location = /mark-{self.mark} {{ return 204; }}
  location /ws {{ proxy_pass http://sockets; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 1h; proxy_send_timeout 1h; }} }}
{hosts} }}
""")

    def line(self):
        return ["nginx", "-c", self.folder / "nginx.conf", "-p", self.folder]

    def apply(self):
        self.process.popen.send_signal(signal.SIGHUP)


class Haproxy(Peer):
    name = "haproxy"

    @staticmethod
    def there():
        return shutil.which("haproxy")

    def write(self):
        self.put("hosts.map", "".join(f"{h} pages\n" for h in self.hosts))
        self.put("haproxy.cfg", f"""global
  nbthread 2
  maxconn 9500
  ulimit-n 19999
  tune.ssl.default-dh-param 2048
defaults
  mode http
  option http-keep-alive
  http-reuse always
  option forwardfor
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend f
  bind 127.0.0.1:{self.plain} backlog 4096
  bind 127.0.0.1:{self.tls} ssl crt {self.folder}/both.pem alpn h2,http/1.1 backlog 4096
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  http-request return status 204 if {{ path /mark-{self.mark} }}
  use_backend sockets if {{ path /ws }}
  use_backend %[req.hdr(host),lower,map_str({self.folder}/hosts.map,pages)]
  default_backend pages
backend pages
  server s 127.0.0.1:{self.pages}
backend sockets
  server s 127.0.0.1:{self.sockets}
""")

    def line(self):
        return ["haproxy", "-W", "-f", self.folder / "haproxy.cfg"]

    def said(self, what):
        return (self.folder / "haproxy.log").read_text().count(what)

    def apply(self):
        """A signal that comes while the master begins anew may be lost, so it is given until it has been heard."""
        heard, end = self.said("Reloading HAProxy"), time.monotonic() + 30
        while self.said("Reloading HAProxy") == heard and time.monotonic() < end:
            if self.said("Loading success") > heard:
                self.process.popen.send_signal(signal.SIGUSR2)
            time.sleep(0.02)


class Caddy(Peer):
    name = "caddy"

    @staticmethod
    def there():
        return shutil.which("caddy")

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.admin = free_port()

    def write(self):
        hosts = "".join(f"http://{h}:{self.plain} {{\n  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:{self.pages}\n}}\n" for h in self.hosts)
        self.put("Caddyfile", f"""{{
  admin 127.0.0.1:{self.admin}
  persist_config off
  auto_https off
  default_sni bench.test
  log {{
    level ERROR
  }}
  servers {{
    protocols h1 h2
  }}
}}
(all) {{
  handle /mark-{self.mark} {{
    respond 204
  }}
  handle /ws {{
    reverse_proxy 127.0.0.1:{self.sockets} {{
      stream_close_delay 1h
    }}
  }}
  handle {{
    reverse_proxy 127.0.0.1:{self.pages} {{
      transport http {{
        keepalive_idle_conns_per_host 512
      }}
    }}
  }}
}}
http://:{self.plain} {{
  bind 127.0.0.1
  import all
}}
https://bench.test:{self.tls}, https://127.0.0.1:{self.tls} {{
  bind 127.0.0.1
  tls {self.folder}/tls.crt {self.folder}/tls.key
  import all
}}
{hosts}""")

    def line(self):
        return ["caddy", "run", "--config", self.folder / "Caddyfile", "--adapter", "caddyfile"]

    def apply(self):
        """As `caddy reload` does, without its process."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.admin}/load", (self.folder / "Caddyfile").read_bytes(), {"Content-Type": "text/caddyfile"})
        urllib.request.urlopen(asked, timeout=120).close()

    def options(self):
        return {"env": {**os.environ, "GOMAXPROCS": "2", "GODEBUG": "http2xconnect=1", "HOME": str(self.folder)}}


class Envoy(Peer):
    name = "envoy"

    @staticmethod
    def there():
        return shutil.which("envoy")

    def write(self):
        hosts = "".join(f"""
      - name: {h}
        domains: ["{h}"]
        routes: [{{match: {{prefix: /}}, route: {{cluster: pages}}}}]""" for h in self.hosts)
        self.put("routes.yaml", f"""version_info: "{self.mark}"
resources:
  - "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
    name: all
    virtual_hosts:
      - name: all
        domains: ["*"]
        routes:
          - match: {{path: /ws}}
            route: {{cluster: sockets, timeout: 0s, idle_timeout: 0s, upgrade_configs: [{{upgrade_type: websocket}}]}}
            request_headers_to_add: [{{header: {{key: sec-websocket-key, value: dGhlIHNhbXBsZSBub25jZQ==}}, append_action: ADD_IF_ABSENT}}]
          - match: {{path: /mark-{self.mark}}}
            direct_response: {{status: 204}}
          - match: {{prefix: /}}
            route: {{cluster: pages}}{hosts}
""")

    def line(self):
        config = self.folder / "envoy.yaml"

        def hcm(prefix):
            return f"""
          - name: envoy.filters.network.http_connection_manager
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
              stat_prefix: {prefix}
              use_remote_address: true
              http_filters: [{{name: envoy.filters.http.router, typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, suppress_envoy_headers: true}}}}]
              http2_protocol_options: {{allow_connect: true}}
              rds: {{route_config_name: all, config_source: {{resource_api_version: V3, path_config_source: {{path: {self.folder}/routes.yaml}}}}}}"""

        def cluster(name, port):
            return f"""
    - name: {name}
      type: STATIC
      connect_timeout: 5s
      circuit_breakers: {{thresholds: [{{max_connections: 20000, max_pending_requests: 20000, max_requests: 20000}}]}}
      load_assignment: {{cluster_name: {name}, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}]}}]}}"""

        config.write_text(f"""node: {{id: bench, cluster: bench}}
static_resources:
  listeners:
    - name: plain
      address: {{socket_address: {{address: 127.0.0.1, port_value: {self.plain}}}}}
      filter_chains:
        - filters:{hcm("plain")}
    - name: tls
      address: {{socket_address: {{address: 127.0.0.1, port_value: {self.tls}}}}}
      filter_chains:
        - transport_socket:
            name: tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_certificates: [{{certificate_chain: {{filename: {self.folder}/tls.crt}}, private_key: {{filename: {self.folder}/tls.key}}}}]
          filters:{hcm("tls")}
  clusters:{cluster("pages", self.pages)}{cluster("sockets", self.sockets)}
""")
        # The Python package's command stays as the parent, without which the binary ends.
        return ["envoy", "-c", config, "--concurrency", "2", "-l", "error", "--disable-hot-restart"]

    def apply(self):
        """Envoy looks at the file itself."""


class Holdfast(Peer):
    name = "holdfast"

    @staticmethod
    def there():
        return True

    def __init__(self, folder, *arguments):
        super().__init__(folder, *arguments)
        self.manifests = folder / "manifests"
        shutil.rmtree(self.manifests, ignore_errors=True)
        self.manifests.mkdir()
        self.write_once()

    def write_once(self):
        indent = lambda p: "".join("    " + x + "\n" for x in (self.folder / p).read_text().splitlines())
        (self.manifests / "secret.yaml").write_text(f"""apiVersion: v1
kind: Secret
metadata: {{name: bench}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
{indent('tls.crt')}  tls.key: |
{indent('tls.key')}""")
        (self.manifests / "bench.yaml").write_text(f"""apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: bench}}
spec:
  gatewayClassName: holdfast
  listeners:
    - {{name: plain, port: {self.plain}, protocol: HTTP}}
    - {{name: tls, port: {self.tls}, protocol: HTTPS, tls: {{certificateRefs: [{{name: bench}}]}}}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: ClientTrafficPolicy
metadata: {{name: tickets}}
spec:
  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: bench}}]
  tls: {{session: {{resumption: {{stateless: {{}}, stateful: {{}}}}}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: bench}}
spec:
  parentRefs: [{{name: bench}}]
  rules:
    - name: sockets
      matches: [{{path: {{type: Exact, value: /ws}}}}]
      backendRefs: [{{name: sockets, port: 80}}]
    - name: pages
      backendRefs: [{{name: pages, port: 80}}]
""")
        for at in range(0, len(self.hosts), 50):
            (self.manifests / f"hosts-{at}.yaml").write_text("---\n".join(f"""apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {h}}}
spec:
  parentRefs: [{{name: bench}}]
  hostnames: [{h}]
  rules: [{{backendRefs: [{{name: pages, port: 80}}]}}]
""" for h in self.hosts[at:at + 50]))

    def write(self):
        self.put("manifests/mark.yaml", f"""apiVersion: gateway.envoyproxy.io/v1alpha1
kind: HTTPRouteFilter
metadata: {{name: mark}}
spec: {{directResponse: {{statusCode: 204}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: mark}}
spec:
  parentRefs: [{{name: bench}}]
  rules:
    - matches: [{{path: {{type: Exact, value: /mark-{self.mark}}}}}]
      filters: [{{type: ExtensionRef, extensionRef: {{group: gateway.envoyproxy.io, kind: HTTPRouteFilter, name: mark}}}}]
""")

    def line(self):
        return [ROOT / "holdfast", "run", "-f", self.manifests, "--access-log", "off", "--admin", "127.0.0.1:0", "--drain-timeout", "1s",
                "--resolve", f"default/pages=127.0.0.1:{self.pages}", "--resolve", f"default/sockets=127.0.0.1:{self.sockets}"]

    def apply(self):
        """The folder is watched."""


ALL = [Holdfast, Haproxy, Nginx, Envoy, Caddy]
