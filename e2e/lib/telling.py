"""A backend that tells what it was asked, as JSON, and answers as it is told to."""
import http.server
import json
import threading


class Telling:
    def __init__(self, name="app", context=None):
        self.name, self.status, self.asked = name, 200, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                outer.asked.append((self.command, self.path))
                shown = self.connection.getpeercert() if context else None
                tls = [self.connection.version(), self.connection.cipher()[0], getattr(self.connection, "asked_for", "")] if context else []
                body = json.dumps({
                    "name": outer.name, "line": self.requestline, "headers": [[k, v] for k, v in self.headers.items()],
                    "certificate": str((shown or {}).get("subjectAltName", "")), "tls": tls}).encode()
                self.send_response(200 if self.path == "/healthz" and outer.status == 200 else outer.status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_POST = do_HEAD = handle_one

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self):
                connection, address = super().get_request()
                return (context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) if context else connection), address

            def handle_error(self, *_):
                pass

        if context:
            context.sni_callback = lambda connection, name, _: setattr(connection, "asked_for", name or "")
        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
