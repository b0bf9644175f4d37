"""Sign-on at an OpenID provider on both planes: there and back, what a backend sees, what is no page, renewal and the end."""
import json
import urllib.parse

import pytest

from lib.gateway import BOTH_PLANES, Gateway, free_port, wait
from lib.manifests import ANY, documents, http_gateway, http_route, policy, service
from lib.openid import SECRET, Browser, Provider

pytestmark = BOTH_PLANES

CLIENT = f"""apiVersion: v1
kind: Secret
metadata: {{name: client, namespace: app}}
stringData: {{client-secret: "{SECRET}"}}
"""


def manifests(port, issuer, logout):
    return documents(
        http_gateway(port), http_route("web", "{name: app, port: 80}", match=ANY), service("app"), CLIENT, policy("SecurityPolicy", "web", f"""oidc:
    provider: {{issuer: "{issuer}"}}
    clientID: shop
    clientSecret: {{name: client}}
    scopes: [email]
    forwardAccessToken: true
    forwardIDToken: {{header: X-Id-Token}}
    logoutPath: {logout}
    denyRedirect: {{headers: [{{name: X-Requested-With, value: XMLHttpRequest}}]}}"""))


@pytest.fixture
def provider():
    made = Provider()
    yield made
    made.stop()


class Guarded:
    def __init__(self, folder, provider, app, plane):
        self.port, self.provider, self.file, self.plane = free_port(), provider, folder / "m.yaml", plane
        self.write()
        self.resolve = f"app/app=127.0.0.1:{app.port}"
        self.gateway = Gateway("-f", self.file, "--resolve", self.resolve, plane=plane)

    def write(self, logout="/bye"):
        self.file.write_text(manifests(self.port, self.provider.issuer, logout))


@pytest.fixture
def start(tmp_path, provider, telling, plane):
    made = []

    def go():
        made.append(Guarded(tmp_path, provider, telling, plane))
        made[-1].gateway.ready()
        return made[-1]
    yield go
    for one in made:
        one.gateway.__exit__()


def headers(answer):
    return {k.lower(): v for k, v in json.loads(answer.text)["headers"]}


def test_a_browser_signs_on_and_its_backend_is_told_who_it_is(start, provider):
    guarded = start()
    browser = Browser(guarded.port)
    last = browser.sign_on(provider, "/deep/page?q=1")
    assert last.status == 302 and last.getheader("location") == "http://a.test/deep/page?q=1", (last.status, last.text, last.getheaders())
    page = browser.get("/deep/page?q=1", x_id_token="forged")
    assert page.status == 200, (page.status, page.text)
    seen = headers(page)
    assert seen["authorization"].startswith("Bearer access-")
    assert seen["x-id-token"].count(".") == 2
    # Nothing of it is readable in the browser, and the client's secret is nowhere to be seen.
    assert not any("access-" in value or "eyJ" in value for value in browser.cookies.values()), browser.cookies
    assert SECRET not in guarded.gateway.text() + guarded.gateway.get("/api/plan")[1]


def test_nobody_passes_without_a_session_or_with_one_that_was_tampered_with(start, provider):
    guarded = start()
    stranger = Browser(guarded.port)
    assert stranger.get("/", accept="text/html").status == 302
    assert Browser(guarded.port).get("/oauth2/callback?code=code-0&state=made-up").status in (400, 401)
    browser = Browser(guarded.port)
    browser.sign_on(provider, "/")
    assert browser.get("/").status == 200
    for name in list(browser.cookies):
        forged = Browser(guarded.port)
        # Who has a refresh token, which is sealed too, gets a new session for it from the provider.
        forged.cookies = {k: v for k, v in browser.cookies.items() if "Refresh" not in k} | {name: "A" + browser.cookies[name][:-2] + "zz"}
        if "Nonce" not in name and "Verifier" not in name:  # of no use by itself
            assert forged.get("/").status in (302, 401), name


@pytest.mark.parametrize("header", [
    {"x_requested_with": "XMLHttpRequest"}, {"sec_fetch_mode": "cors"}, {"accept": "text/event-stream"}, {"content_type": "application/grpc"},
    {"connection": "upgrade", "upgrade": "websocket", "sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec_websocket_version": "13"}])
def test_what_is_no_page_gets_401_instead_of_a_redirect(start, header):
    guarded = start()
    answer = Browser(guarded.port).get("/", **header)
    if guarded.plane == "envoy" and "content_type" in header:  # which says it in gRPC's words
        assert answer.getheader("grpc-status") == "16"  # UNAUTHENTICATED
        return
    assert (answer.status, answer.getheader("x-holdfast-reason")) == (401, "login_required"), str(guarded.gateway.access_log())


def test_tokens_are_renewed_and_a_session_ends(start, provider):
    provider.life = 2
    guarded = start()
    browser = Browser(guarded.port)
    browser.sign_on(provider, "/")
    first = headers(browser.get("/"))["authorization"]
    wait(lambda: headers(browser.get("/"))["authorization"] != first, 90)
    away = browser.get("/bye")
    assert away.status == 302 and away.getheader("location").startswith(provider.issuer + "/end_session?"), away.getheaders()
    assert "post_logout_redirect_uri" in urllib.parse.unquote(away.getheader("location"))
    assert browser.get("/", accept="text/html").status == 302


def test_a_session_outlives_changes_and_a_restart(start, provider, tmp_path, plane):
    guarded = start()
    browser = Browser(guarded.port)
    browser.sign_on(provider, "/")
    guarded.write(logout="/away")
    guarded.gateway.wait_reload(2)
    assert browser.get("/").status == 200
    assert browser.get("/bye").status == 200
    guarded.gateway.end()
    guarded.gateway = Gateway("-f", guarded.file, "--resolve", guarded.resolve, plane=plane)
    with guarded.gateway:
        guarded.gateway.ready()
        assert browser.get("/").status == 200


def test_a_provider_that_is_away_is_asked_again(start, provider):
    provider.down = True
    guarded = start()
    answer = Browser(guarded.port).get("/", accept="text/html")
    assert (answer.status, answer.getheader("x-holdfast-reason"), answer.getheader("retry-after")) == (503, "login_unavailable", "5")
    wait(lambda: provider.issuer in guarded.gateway.text(), what=guarded.gateway.text)
    provider.down = False
    browser = Browser(guarded.port)
    wait(lambda: browser.get("/", accept="text/html").status == 302, 30, guarded.gateway.text)
    assert browser.sign_on(provider, "/").status == 302
    assert browser.get("/").status == 200
