"""Holdfast in a real cluster: the API server, its controllers and admission are the real ones; our Deployment is the one in deploy/,
under the role that it asks for and no other."""
import json
import os
import re
import signal
import socket
import ssl
import statistics
import subprocess
import threading
import time

import pytest
import yaml

from lib import manifests, scale
from lib.kube import BUILT, ROOT, Cluster, inside, wait
from lib.shop import (API, HTTP, OURS, SHOP, SYSTEM, Image, Meanwhile, Socket, Traffic, address, ask, chart, conditions, conformance, datagrams_pass, gateway,
                      install_envoy_proxies, is_ready, logs, make, parents, pods, proxy, route, unless_possible)

ENVOY_GATEWAY = "gateway.envoyproxy.io/gatewayclass-controller"

@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    unless_possible()
    image = Image()
    with Cluster(tmp_path_factory.mktemp("kube"), {"holdfast": image.program, "shop-echo": image.echo()}) as made:
        _deploy_without_class(made)
        yield made
    image.remove()


def _deploy_without_class(cluster):
    """The Gateway API is not installed yet, so neither is the class."""
    documents = list(yaml.safe_load_all((ROOT / "deploy" / "manifests" / "holdfast.yaml").read_text()))
    cluster.apply(*[yaml.safe_dump(d) for d in documents if d["kind"] != "GatewayClass"])


@pytest.fixture(scope="module")
def shop(cluster):
    """A Gateway that serves one route."""
    if not pods(cluster) or not is_ready(pods(cluster)[0]):
        _install(cluster)
    cluster.apply(SHOP)
    wait(lambda: ask(cluster)[0] == 200, 120, "an answer from the backend")
    return cluster


def _install(cluster):
    cluster.install_gateway_api()
    cluster.apply(*sorted((ROOT / "deploy" / "crds").glob("*.yaml")), ROOT / "deploy" / "manifests" / "holdfast.yaml")
    wait(lambda: all(map(is_ready, pods(cluster))), 240, "ready Pods")


def test_without_the_gateway_api_it_waits_and_says_what_to_install(cluster):
    wait(lambda: "waiting: the cluster does not serve Gateway of gateway.networking.k8s.io/v1" in logs(cluster), 240, "the wait")
    assert "Install the Gateway API's CRDs (standard channel, v1.4 or newer)." in logs(cluster)
    # As in a cluster of long ago: the kind is there, but not in the version that we read.
    old = yaml.safe_load((BUILT / "crds" / "standard" / "gateway.networking.k8s.io_httproutes.yaml").read_text())
    for version in old["spec"]["versions"]:
        version["served"] = version["name"] != "v1"
    cluster.apply(yaml.safe_dump(old))
    wait(lambda: "waiting: the cluster does not serve HTTPRoute of gateway.networking.k8s.io/v1 (it has the versions v1beta1)" in logs(cluster), 60, "the version")
    assert not any(map(is_ready, pods(cluster)))
    _install(cluster)


def test_a_gateway_and_a_route_serve_and_say_so(shop):
    gateway = shop.get(API, "Gateway", "shop", "web")["status"]
    assert conditions(gateway)["Programmed"] == ("True", "Programmed", 1)
    assert gateway["listeners"][0]["attachedRoutes"] == 1
    (parent,) = parents(shop, "echo")
    assert parent["controllerName"] == OURS
    assert conditions(parent)["Accepted"] == ("True", "Accepted", 1)
    known = shop.get(API, "GatewayClass", name="holdfast")["status"]
    assert conditions(known)["Accepted"][0] == "True" and {"name": "HTTPRoute"} in known["supportedFeatures"]


def test_what_we_write_makes_no_new_plan_and_comes_to_rest(shop):
    def versions():
        return [shop.get(API, kind, "shop", name)["metadata"]["resourceVersion"] for kind, name in (("Gateway", "web"), ("HTTPRoute", "echo"))]
    time.sleep(2)
    before, plans = versions(), logs(shop).count("applied in")
    time.sleep(3)
    assert versions() == before and logs(shop).count("applied in") == plans


def test_entries_of_other_controllers_stay(shop):
    at = shop.path(API, "HTTPRoute", "shop", "echo")
    other = {"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "theirs"}, "controllerName": "example.com/other",
             "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "theirs", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
    route_now = shop.get(API, "HTTPRoute", "shop", "echo")
    route_now["status"]["parents"].append(other)
    shop.call("PUT", at + "/status", route_now)
    shop.call("PATCH", at, {"spec": {"hostnames": ["shop.example", "more.example"]}}, "application/merge-patch+json")
    wait(lambda: conditions(next(p for p in parents(shop, "echo") if p["controllerName"] == OURS))["Accepted"][2] == 2, 60, "the new generation")
    assert other in parents(shop, "echo")


def test_another_controller_that_writes_the_same_status_at_the_same_time_loses_nothing(shop):
    """The list of parents is written whole, so each of us comes second now and then."""
    at, rounds = shop.path(API, "HTTPRoute", "shop", "echo"), 40
    theirs = {"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "theirs"}, "controllerName": "example.com/other"}

    def others():
        for turn in range(1, rounds + 1):
            while True:
                now = shop.get(API, "HTTPRoute", "shop", "echo")
                entry = {**theirs, "conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": f"turn {turn}",
                                                   "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
                now["status"]["parents"] = [p for p in now["status"]["parents"] if p["controllerName"] != "example.com/other"] + [entry]
                status, text = shop.raw("PUT", at + "/status", json.dumps(now))
                if status == 200:
                    break
                assert status == 409, text
    other = threading.Thread(target=others)
    other.start()
    for turn in range(rounds):
        shop.call("PATCH", at, {"spec": {"hostnames": ["shop.example", f"turn-{turn}.example"]}}, "application/merge-patch+json")
    other.join()
    generation = shop.get(API, "HTTPRoute", "shop", "echo")["metadata"]["generation"]

    def both():
        by = {p["controllerName"]: p for p in parents(shop, "echo")}
        return conditions(by[OURS])["Accepted"] == ("True", "Accepted", generation) and by["example.com/other"]["conditions"][0]["message"] == f"turn {rounds}"
    wait(both, 60, "both entries as they are due")


def test_a_thousand_broken_routes_are_told_and_good_ones_serve(shop):
    broken = {"BackendNotFound": {"name": "nobody", "port": 80}, "RefNotPermitted": {"name": "holdfast", "namespace": SYSTEM, "port": 80},
              "InvalidKind": {"group": "example.com", "kind": "Thing", "name": "thing"}}
    reasons = [list(broken)[i % 3] for i in range(1000)]
    make(shop, f"/apis/{API}/namespaces/shop/httproutes", [
        {"apiVersion": API, "kind": "HTTPRoute", "metadata": {"name": f"broken-{i}", "namespace": "shop", "labels": {"broken": "yes"}},
         "spec": {"parentRefs": [{"name": "web"}], "hostnames": [f"broken-{i}.example"], "rules": [{"backendRefs": [broken[reason]]}]}}
        for i, reason in enumerate(reasons)])
    shop.apply(route("beside", "/beside"))
    wait(lambda: ask(shop, "/beside")[1].get("x-route") == "beside", 120, "the good route")
    at = f"/apis/{API}/namespaces/shop/httproutes?labelSelector=broken%3Dyes"

    def told():
        return {int(r["metadata"]["name"].split("-")[1]): conditions(r["status"]["parents"][0])["ResolvedRefs"][:2] for r in shop.call("GET", at)["items"]
                if r.get("status", {}).get("parents")}
    wait(lambda: parents(shop, "broken-999"), 180, "the status of one")
    wait(lambda: told() == {i: ("False", reason) for i, reason in enumerate(reasons)}, 180, "the status of each")
    assert ask(shop, host="broken-999.example")[0] == 500 and ask(shop)[0] == 200
    shop.call("DELETE", at)
    wait(lambda: ask(shop, host="broken-999.example")[0] == 404, 120, "their end")


def test_a_secret_with_rubbish_is_told_and_harms_none(shop, tmp_path):
    def tls(name, crt, key):
        return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: shop}}\ntype: kubernetes.io/tls\nstringData: {json.dumps({'tls.crt': crt, 'tls.key': key})}\n"

    def pair(name):
        return yaml.safe_load(manifests.secret(name, [f"{name}.example"], tmp_path))["stringData"].values()
    (crt, key), (_, another) = pair("good"), pair("another")
    shop.apply(tls("good", crt, key), tls("rubbish", "rubbish", "\x00\x01"), tls("torn", crt[:200], key), tls("stranger", crt, another), tls("empty", "", ""))
    names = ["good", "rubbish", "torn", "stranger", "empty", "absent"]
    shop.apply(gateway("locked", HTTP, *(
        f"{{name: {n}, hostname: {n}.example, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: {n}}}]}}}}" for n in names)),
        route("locked", "/").replace("name: web", "name: locked").replace("[shop.example]", json.dumps([f"{n}.example" for n in names])))
    at = address(shop, "locked")

    def listeners():
        return {entry["name"]: conditions(entry) for entry in shop.get(API, "Gateway", "shop", "locked")["status"]["listeners"]}

    def served(name):
        trust = ssl.create_default_context(cadata=crt)
        trust.check_hostname = False
        with inside(shop.name):
            link = socket_to(at)
        with trust.wrap_socket(link, server_hostname=f"{name}.example") as over:
            over.sendall(f"GET / HTTP/1.1\r\nHost: {name}.example\r\nConnection: close\r\n\r\n".encode())
            return over.recv(100).startswith(b"HTTP/1.1 200")
    for name in names[1:]:
        wait(lambda: listeners()[name]["ResolvedRefs"][:2] == ("False", "InvalidCertificateRef"), 60, f"the status of {name}")
        assert listeners()[name]["Programmed"][0] == "False"
    wait(lambda: listeners()["good"]["Programmed"][0] == "True" and served("good"), 60, "the listener with a good certificate")
    assert ask(shop, at=at, host="good.example")[0] == 200
    shop.apply(tls("rubbish", crt, key))  # mended
    wait(lambda: listeners()["rubbish"]["Programmed"][0] == "True" and served("rubbish"), 60, "the listener whose Secret is mended")
    shop.delete(API, "Gateway", "shop", "locked")


def test_a_broken_route_beside_good_ones_is_told_and_harms_none(shop):
    shop.apply(route("broken", "/broken").replace("name: echo, port: 8080", "name: nobody, port: 8080"), route("good", "/good"))
    wait(lambda: ask(shop, "/good")[1].get("x-route") == "good", 60, "the good route")
    wait(lambda: conditions(parents(shop, "broken")[0])["ResolvedRefs"][:2] == ("False", "BackendNotFound"), 60, "the broken route's status")
    assert ask(shop, "/broken")[0] == 500


def test_a_problem_is_an_event_of_its_resource(shop):
    def told():
        return [e for e in shop.get("events.k8s.io/v1", "Event", "shop")["items"] if e["regarding"]["name"] == "broken"]
    shop.apply(route("broken", "/broken").replace("name: echo, port: 8080", "name: nobody, port: 8080"))
    (event,) = wait(told, 60, "an Event")
    assert (event["type"], event["reason"], event["regarding"]["kind"]) == ("Warning", "BackendNotFound", "HTTPRoute")
    assert "shop/nobody" in event["note"] and event["reportingController"] == OURS
    assert event["regarding"]["uid"] == shop.get(API, "HTTPRoute", "shop", "broken")["metadata"]["uid"]
    shop.apply(route("other", "/other"))  # another reading
    wait(lambda: ask(shop, "/other")[1].get("x-route") == "other", 60)
    assert len(told()) == 1


def socket_to(at, port=443):
    return socket.create_connection((at, port), timeout=20)


def holdfast(shop, *args):
    return subprocess.run(shop.command(ROOT / "holdfast", *args), env={**os.environ, "KUBECONFIG": str(shop.kubeconfig)}, capture_output=True, text=True, timeout=600)


def test_check_and_translate_read_the_cluster(shop):
    shop.apply(route("broken", "/broken").replace("name: echo, port: 8080", "name: nobody, port: 8080"))
    done = holdfast(shop, "check", "--kubernetes")
    assert done.returncode == 1 and "HTTPRoute shop/broken: spec.rules[0].backendRefs[0]: service shop/nobody not found" in done.stdout, done.stdout + done.stderr
    done = holdfast(shop, "check", "--kubernetes", "--fix")
    assert done.returncode == 2 and "--kubernetes reads none" in done.stderr
    done = holdfast(shop, "translate", "--kubernetes", "--to", "plan")
    assert "shop/web/http" in done.stdout and "shop/echo" in done.stdout, done.stdout + done.stderr
    done = subprocess.run([ROOT / "holdfast", "check", "--kubernetes"], env={**os.environ, "KUBECONFIG": "/nowhere"}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and done.stderr == "holdfast check: KUBECONFIG names /nowhere, which is not there or cannot be read\n", done.stderr


def test_doctor_examines_a_route_of_the_cluster(shop):
    shop.apply(route("pages", "/pages"))
    wait(lambda: ask(shop, "/pages")[1].get("x-route") == "pages", 60)
    done = holdfast(shop, "doctor", "--kubernetes", "shop/pages", "--timeout", "20s", "--streams", "2")
    assert done.returncode in (0, 1) and "http://shop.example/pages" in done.stdout, done.stdout + done.stderr
    done = holdfast(shop, "doctor", "--kubernetes", "shop/nothing")
    assert done.returncode == 2 and "has no HTTPRoute shop/nothing; it has" in done.stderr and "shop/pages" in done.stderr


def test_changes_take_effect_amid_many_routes_and_churn_and_streams_live(shop):
    at = address(shop)
    held, broken = [Socket(shop, at) for _ in range(scale.STREAMS)], []
    process, plans, attached = scale.Process(shop), logs(shop).count("applied in"), attached_routes(shop)

    def stream(n):
        try:
            held[n % len(held)].echo(f"still here {n}")
        except Exception as e:
            broken.append((n % len(held), repr(e)))
    began = time.monotonic()
    scale.begin(shop)
    made = time.monotonic() - began
    wait(lambda: ask(shop, at=at, host=f"r{scale.ROUTES - 1}.example")[0] in (502, 503), 600, "the last route")  # nothing listens at its endpoint
    served = time.monotonic() - began
    wait(lambda: attached_routes(shop) == attached + scale.ROUTES, 600, "the last route in the status")
    plans = logs(shop).count("applied in")
    began, cpu, resident, lags = time.monotonic(), process.cpu(), [process.resident()], []
    with scale.churn(shop) as churn, Meanwhile(5, stream):
        while time.monotonic() < began + scale.SECONDS and not broken:
            wanted = f"turn-{len(lags)}"
            shop.apply(route("turning", "/turning").replace("value: turning", f"value: {wanted}"))
            changed = time.monotonic()
            wait(lambda: ask(shop, "/turning", at)[1].get("x-route") == wanted, 120, wanted)
            lags.append(time.monotonic() - changed)
            resident.append(process.resident())
        took, cpu = time.monotonic() - began, process.cpu() - cpu
    ended = [line for line in logs(shop).splitlines() if '"path":"/ws"' in line]
    assert broken == [], (broken[:3], ended[-3:])
    for one in held:
        one.echo("at the end")
        one.close()
    lags.sort()
    half = len(resident) // 2
    print(f"routes {scale.ROUTES}, Services {scale.SERVICES}: written in {made:.0f} s, served after {served:.0f} s; {churn.turns} endpoint changes in {took:.0f} s,"
          f" {logs(shop).count('applied in') - plans} plans, {len(lags)} changes of a route: lag median {statistics.median(lags) * 1000:.0f} ms,"
          f" p99 {lags[min(len(lags) - 1, int(len(lags) * .99))] * 1000:.0f} ms, most {lags[-1] * 1000:.0f} ms; {cpu / took * 100:.0f} % of a processor;"
          f" resident {resident[0]} MB before, at most {max(resident[:half])} MB in the first half and {max(resident[half:])} MB in the second,"
          f" {resident[-1]} MB after; {len(held)} streams, none broken", flush=True)
    assert churn.turns > 0
    if scale.SECONDS >= 300:
        # A heap that has come to rest: what grows with each change would show in the second half.
        assert max(resident[half:]) < max(resident[:half]) * 1.1
    scale.end(shop)
    wait(lambda: attached_routes(shop) == attached + 1, 600, "their end")


def attached_routes(shop):
    return shop.get(API, "Gateway", "shop", "web")["status"]["listeners"][0]["attachedRoutes"]


def test_gateways_of_envoy_gateway_are_left_alone_until_it_is_told_to_take_them_and_after(shop):
    """By the very commands of the migration page."""
    take, leave = (json.loads(p) for p in re.findall(r"-p='(\[.*\])'", (ROOT / "docs" / "kubernetes.md").read_text()))
    shop.apply(f"""
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {{name: eg}}
spec: {{controllerName: {ENVOY_GATEWAY}}}
""", gateway("theirs", of="eg"), route("theirs", "/theirs").replace("name: web", "name: theirs"))
    status = shop.get(API, "Gateway", "shop", "theirs").get("status")
    shop.apply(route("mine", "/mine"))
    wait(lambda: ask(shop, "/mine")[1].get("x-route") == "mine", 60, "a reading later")

    def untouched():
        return shop.get(API, "Gateway", "shop", "theirs").get("status") == status and not shop.get(API, "HTTPRoute", "shop", "theirs").get("status", {}).get("parents")
    assert untouched() and shop.get(API, "GatewayClass", name="eg")["status"]["conditions"][0]["status"] == "Unknown"
    deployment = shop.path("apps/v1", "Deployment", SYSTEM, "holdfast")
    shop.call("PATCH", deployment, take, "application/json-patch+json")
    at = address(shop, "theirs")
    wait(lambda: ask(shop, "/theirs", at)[1].get("x-route") == "theirs", 120, "an answer by their Gateway")
    wait(lambda: conditions(shop.get(API, "Gateway", "shop", "theirs")["status"])["Programmed"][0] == "True", 60, "its status")
    shop.call("PATCH", deployment, leave, "application/json-patch+json")
    wait(lambda: "--take-envoy-gateway" not in shop.call("GET", deployment)["spec"]["template"]["spec"]["containers"][0]["args"], 10, "the arguments of before")
    wait(lambda: "shop/theirs" not in services(shop), 180, "the end of its Service")
    assert ask(shop)[0] == 200


def test_another_replica_leads_when_the_leader_is_killed(shop):
    def leader():
        return shop.get("coordination.k8s.io/v1", "Lease", SYSTEM, "holdfast-leader")["spec"].get("holderIdentity")
    shop.call("PATCH", shop.path("apps/v1", "Deployment", SYSTEM, "holdfast"), {"spec": {"replicas": 2}}, "application/merge-patch+json")
    wait(lambda: len(pods(shop)) == 2 and all(map(is_ready, pods(shop))), 120, "two Pods")
    first = wait(leader, 60)
    old, other = sorted(pods(shop), key=lambda p: p["metadata"]["creationTimestamp"])
    held = Socket(shop, other["status"]["podIP"] + ":" + str(target_port(shop)))
    os.kill(shop.process(old["metadata"]["name"], "dev.holdfast.app.cli.Main"), signal.SIGKILL)
    shop.apply(route("later", "/later"))
    wait(lambda: ask(shop, "/later")[1].get("x-route") == "later", 60, "the change, which all replicas see")
    wait(lambda: leader() not in (None, "", first), 90, "a new leader")
    wait(lambda: conditions(parents(shop, "later")[0])["Accepted"][0] == "True", 60, "a status by the new leader")
    held.echo("after the other's end")
    held.close()


def target_port(shop, name="web"):
    """Where a Pod listens for the Gateway's port 80."""
    (service,) = [s for s in shop.get("v1", "Service", SYSTEM)["items"] if s["metadata"].get("annotations", {}).get("holdfast.dev/gateway") == f"shop/{name}"]
    return service["spec"]["ports"][0]["targetPort"]


def services(shop):
    return [s["metadata"].get("annotations", {}).get("holdfast.dev/gateway") for s in shop.get("v1", "Service", SYSTEM)["items"]]


def test_a_service_by_another_name_follows_before_the_one_of_before_ends(shop):
    install_envoy_proxies(shop)
    shop.apply(proxy("renamed", "envoyService: {name: one}"), gateway("renamed", proxy="renamed"), route("renamed", "/").replace("name: web", "name: renamed"))

    def at(service):
        return wait(lambda: shop.get("v1", "Service", SYSTEM, service)["status"]["loadBalancer"]["ingress"][0]["ip"], 60, f"the address of {service}")
    before = at("one")
    wait(lambda: address(shop, "renamed") == before and ask(shop, at=before)[0] == 200, 60, "an answer")
    held = Socket(shop, before)
    with Traffic(shop, before) as traffic:
        shop.apply(proxy("renamed", "envoyService: {name: two}"))
        after = at("two")
        wait(lambda: address(shop, "renamed") == after and ask(shop, at=after)[0] == 200, 60, "an answer at the other address")
        assert shop.get("v1", "Service", SYSTEM, "one")
    assert traffic.seen == []
    held.echo("after the change")
    held.close()
    shop.delete(API, "Gateway", "shop", "renamed")
    wait(lambda: "shop/renamed" not in services(shop), 60, "the end of both")


def test_datagrams_come_by_the_same_service(shop):
    datagrams_pass(shop)


def test_a_gateway_that_goes_takes_its_service_along(shop):
    shop.apply(gateway("brief"))
    address(shop, "brief")
    assert "shop/brief" in services(shop)
    shop.delete(API, "Gateway", "shop", "brief")
    wait(lambda: "shop/brief" not in services(shop), 60, "the Service's end")


def test_files_of_a_pod_follow_their_secret_from_the_first_moment(shop):
    """Of the stand-in for the kubelet: on it stands that certificates are taken up."""
    def secret(value):
        return f"apiVersion: v1\nkind: Secret\nmetadata: {{name: followed, namespace: shop}}\nstringData: {{a: {value}}}\n"
    shop.apply(secret("first"), """
apiVersion: v1
kind: Pod
metadata: {name: follower, namespace: shop}
spec:
  volumes: [{name: v, secret: {secretName: followed}}]
  containers: [{name: none, image: example/none, volumeMounts: [{name: v, mountPath: /v}]}]
""")
    pod = wait(lambda: [p for p in [shop.get("v1", "Pod", "shop", "follower")] if p["status"].get("podIP")], 60, "the Pod")[0]
    shop.apply(secret("second"))
    at = shop.folder / "pods" / pod["metadata"]["uid"] / "v" / "a"
    wait(lambda: at.read_text() == "second", 30, "the other content")
    shop.delete("v1", "Pod", "shop", "follower")


@pytest.mark.parametrize("values", [["replicas=1"], ["replicas=3", "takeEnvoyGateway=true", "javaOpts=-Xmx512m", "nodeSelector.disk=ssd"]])
def test_the_chart_is_the_manifests_and_the_api_server_takes_it(shop, values):
    rendered = {(d["kind"], d["metadata"]["name"]): d for d in yaml.safe_load_all(chart(*values)) if d}
    plain = [d for d in yaml.safe_load_all((ROOT / "deploy" / "manifests" / "holdfast.yaml").read_text()) if d["kind"] != "Namespace"]
    for document in plain:
        made = rendered[(document["kind"], document["metadata"]["name"])]
        for part in ("rules", "subjects", "roleRef"):
            assert made.get(part) == document.get(part)
        if document["kind"] == "Deployment":
            of, to = (d["spec"]["template"]["spec"]["containers"][0] for d in (document, made))
            assert [a for a in of["args"] if a not in to["args"]] == [] and of["securityContext"] == to["securityContext"]
            assert ("--take-envoy-gateway" in to["args"]) == ("takeEnvoyGateway=true" in values)
            # Which the java command reads; the image has no script that would read another.
            assert ({"name": "JDK_JAVA_OPTIONS", "value": "-Xmx512m"} in to["env"]) == ("javaOpts=-Xmx512m" in values)
    for document in rendered.values():
        meta = document["metadata"]
        at = shop.path(document["apiVersion"], document["kind"], meta.get("namespace"), meta["name"])
        shop.call("PATCH", f"{at}?fieldManager=chart&force=true&dryRun=All&fieldValidation=Strict", document, "application/apply-patch+yaml")


# The last, for the cluster's own controllers take half a minute to come back after the API server.


def test_traffic_and_streams_live_while_the_api_server_is_away_for_a_minute_and_nothing_is_lost(shop):
    at = address(shop)
    held = [Socket(shop, at) for _ in range(5)]
    with Traffic(shop, at) as traffic:
        shop.stop("apiserver", signal.SIGKILL)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for one in held:
                one.echo("while it is away")
            Socket(shop, at).close()
            time.sleep(1)
        shop.start_apiserver()
        shop.apply(route("after", "/after"))
        wait(lambda: ask(shop, "/after", at)[1].get("x-route") == "after", 120, "a change after the API server's return")
        wait(lambda: conditions(parents(shop, "after")[0])["Accepted"][0] == "True", 60, "its status")
    assert traffic.seen == [] and traffic.turns > 100
    for one in held:
        one.echo("and after")
        one.close()


def test_rights_taken_away_and_given_back(shop):
    rbac = "rbac.authorization.k8s.io/v1"
    at = address(shop)
    binding = next(d for d in yaml.safe_load_all((ROOT / "deploy" / "manifests" / "holdfast.yaml").read_text()) if d["kind"] == "ClusterRoleBinding")
    shop.delete(rbac, "ClusterRoleBinding", name="holdfast")
    shop.stop("apiserver")
    shop.start_apiserver()  # watches are asked for anew, and refused
    shop.apply(route("unread", "/unread"))
    for _ in range(10):
        assert ask(shop, at=at)[0] == 200
        time.sleep(0.3)
    shop.apply(yaml.safe_dump(binding))
    wait(lambda: ask(shop, "/unread", at)[1].get("x-route") == "unread", 120, "what was written meanwhile")


def test_the_conformance_suite(shop, tmp_path):
    conformance(shop, tmp_path)
