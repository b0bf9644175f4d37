"""An OpenID provider that checks what it is sent (OpenID Connect Core 1.0 §3.1), and a browser's part of a sign-on."""
import base64
import hashlib
import http.client
import http.server
import json
import threading
import time
import urllib.parse

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SECRET = "client secret, not to be seen"


def b64(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def number(value):
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def fields(text):
    return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))


class Provider:
    """`issuer` is its own address; `asked` has the paths it was asked for. Where it is `down` it answers 503."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.codes, self.refreshes, self.asked = {}, set(), []
        self.down, self.life = False, 300
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body):
                body = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                outer.asked.append(self.path)
                if outer.down:
                    return self.answer(503, {})
                if self.path == "/.well-known/openid-configuration":
                    return self.answer(200, outer.document())
                if self.path == "/jwks":
                    return self.answer(200, outer.keys())
                return self.answer(404, {})

            def do_POST(self):
                outer.asked.append(self.path)
                form = fields(self.rfile.read(int(self.headers["content-length"])).decode())
                return self.answer(*((503, {}) if outer.down else outer.token(form)))

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.issuer = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self):
        return {"issuer": self.issuer, "jwks_uri": self.issuer + "/jwks"} | {
            f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token", "end_session")}

    def keys(self):
        n = self.key.public_key().public_numbers()
        return {"keys": [{"kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "n": number(n.n), "e": number(n.e)}]}

    def authorize(self, url):
        """What a browser is sent back to, once its user has signed on."""
        asked = fields(urllib.parse.urlsplit(url).query)
        assert url.startswith(f"{self.issuer}/authorization?"), url
        assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == ("shop", "code", "S256"), asked
        assert asked["scope"].split() == ["openid", "email"], asked
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return asked["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": asked["state"]})

    def token(self, form):
        good = (form.get("client_id"), form.get("client_secret")) == ("shop", SECRET)
        nonce = None
        if form.get("grant_type") == "authorization_code":
            asked = self.codes.pop(form["code"], None)
            good &= asked is not None and form["redirect_uri"] == asked["redirect_uri"]
            good &= asked is not None and asked["code_challenge"] == b64(hashlib.sha256(form["code_verifier"].encode()).digest())
            nonce = (asked or {}).get("nonce")
        elif form.get("grant_type") == "refresh_token":
            good &= form["refresh_token"] in self.refreshes
            self.refreshes.discard(form["refresh_token"])
        else:
            good = False
        if not good:
            return 400, {"error": "invalid_grant"}
        refresh = f"refresh-{len(self.asked)}"
        self.refreshes.add(refresh)
        return 200, {"access_token": f"access-{len(self.asked)}", "token_type": "Bearer", "expires_in": self.life, "refresh_token": refresh, "id_token": self.id_token(nonce)}

    def id_token(self, nonce):
        claims = {"iss": self.issuer, "sub": "ann", "aud": "shop", "iat": int(time.time()), "exp": int(time.time()) + self.life}
        head = b64(json.dumps({"alg": "RS256", "kid": "k"}).encode()) + "." + b64(json.dumps(claims | ({"nonce": nonce} if nonce else {})).encode())
        return head + "." + b64(self.key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256()))

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Browser:
    """Keeps cookies of one host, and follows nothing by itself."""

    def __init__(self, port, host="a.test"):
        self.port, self.host, self.cookies = port, host, {}

    def get(self, path, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        cookie = {"cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())} if self.cookies else {}
        connection.request("GET", path, headers={"host": self.host, **cookie, **{k.replace("_", "-"): v for k, v in headers.items()}})
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                pair, *attributes = value.split(";")
                key, _, kept = pair.partition("=")
                gone = any(a.strip().lower() in ("max-age=0", "expires=thu, 01 jan 1970 00:00:00 gmt") for a in attributes) or kept in ("", "deleted")
                self.cookies.pop(key, None) if gone else self.cookies.__setitem__(key, kept)
        connection.close()
        return answer

    def sign_on(self, provider, path):
        """From a page to the provider and back: the last answer, which is a redirect to the page."""
        away = self.get(path, accept="text/html")
        assert away.status == 302, (away.status, away.text)
        back = urllib.parse.urlsplit(provider.authorize(away.getheader("location")))
        return self.get(f"{back.path}?{back.query}")
