"""Real applications, as their users run them: each on a port of its own with a folder of its own, and ended by its process id."""
import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from .gateway import free_port

CACHE = pathlib.Path(__file__).resolve().parents[1] / ".cache"


class Application:
    """Runs `line` until the port answers."""

    def __init__(self, folder, line, port, env=None):
        self.port = port
        self._log = open(pathlib.Path(folder) / "application.log", "w+")
        self._process = subprocess.Popen([str(p) for p in line], stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder, env=env)
        end = time.monotonic() + 180
        while True:
            try:
                self.ask("/")
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    self._log.seek(0)
                    raise AssertionError("the application did not start:\n" + self._log.read()[-4000:])
                time.sleep(0.2)

    def ask(self, path, body=None, headers=None):
        """(status, JSON or text) of a request straight to it; `body` a dict is sent as JSON, a str as a form."""
        headers = dict(headers or {})
        if body is not None:
            headers["content-type"] = "application/json" if isinstance(body, dict) else "application/x-www-form-urlencoded"
            body = (json.dumps(body) if isinstance(body, dict) else body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            status, text = e.code, e.read().decode()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def log(self):
        return pathlib.Path(self._log.name).read_text()

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class HomeAssistant(Application):
    """Trusts proxies at the addresses of `trusted`; none: it expects no proxy at all."""

    def __init__(self, folder, *trusted):
        port = free_port()
        proxies = f"  use_x_forwarded_for: true\n  trusted_proxies: {json.dumps(trusted)}\n" if trusted else ""
        (pathlib.Path(folder) / "configuration.yaml").write_text(
            f"http:\n  server_host: 127.0.0.1\n  server_port: {port}\n{proxies}frontend:\nwebsocket_api:\n")
        super().__init__(folder, [CACHE / "home-assistant/bin/hass", "-c", folder], port)

    def owner(self, site):
        """Goes through its first-run questions for somebody whose browser is at `site`; the tokens that its front end keeps."""
        client = site + "/"
        status, user = self.ask("/api/onboarding/users", {"client_id": client, "name": "e2e", "username": "e2e", "password": "e2e-password", "language": "en"})
        assert status == 200, user
        form = urllib.parse.urlencode({"grant_type": "authorization_code", "code": user["auth_code"], "client_id": client})
        status, tokens = self.ask("/auth/token", form)
        assert status == 200, tokens
        bearer = {"authorization": "Bearer " + tokens["access_token"]}
        for step, body in (("core_config", {}), ("analytics", {}), ("integration", {"client_id": client, "redirect_uri": client})):
            status, answer = self.ask("/api/onboarding/" + step, body, bearer)
            assert status == 200, (step, answer)
        return {**tokens, "hassUrl": site, "clientId": client, "expires": int((time.time() + tokens["expires_in"]) * 1000)}


class CodeServer(Application):
    def __init__(self, folder, *more):
        port = free_port()
        home = CACHE / "code-server/node_modules/.bin"
        super().__init__(folder, [home / "code-server", "--auth", "none", "--bind-addr", f"127.0.0.1:{port}", "--disable-telemetry", "--disable-update-check",
                                  "--disable-workspace-trust", "--config", folder / "config.yaml", "--user-data-dir", folder / "data", "--extensions-dir", folder / "extensions", *more],
                         port, {**os.environ, "PATH": f"{home}:{os.environ['PATH']}", "HOME": str(folder)})
