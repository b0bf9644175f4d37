"""Holdfast in a real cluster: the API server, its controllers and admission are the real ones; our Deployment is the one in deploy/,
under the role that it asks for and no other."""
import os
import signal
import subprocess
import time

import pytest
import yaml

from lib.kube import ROOT, Cluster, wait
from lib.shop import API, OURS, SHOP, SYSTEM, Image, address, ask, chart, conditions, conformance, datagrams_pass, gateway, is_ready, logs, parents, pods, route, unless_possible

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


def test_traffic_flows_while_the_api_server_is_away_and_nothing_is_lost(shop):
    at = address(shop)
    shop.stop("apiserver", signal.SIGKILL)
    seen, end = set(), time.monotonic() + 15
    while time.monotonic() < end:
        seen.add(ask(shop, at=at)[0])
        time.sleep(0.2)
    shop.start_apiserver()
    assert seen == {200}
    shop.apply(route("after", "/after"))
    wait(lambda: ask(shop, "/after", at)[1].get("x-route") == "after", 120, "a change after the API server's return")


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


def test_another_replica_leads_when_the_leader_goes(shop):
    def leader():
        return shop.get("coordination.k8s.io/v1", "Lease", SYSTEM, "holdfast-leader")["spec"].get("holderIdentity")
    shop.call("PATCH", shop.path("apps/v1", "Deployment", SYSTEM, "holdfast"), {"spec": {"replicas": 2}}, "application/merge-patch+json")
    wait(lambda: len(pods(shop)) == 2 and all(map(is_ready, pods(shop))), 120, "two Pods")
    first = wait(leader, 60)
    old = min(pods(shop), key=lambda p: p["metadata"]["creationTimestamp"])["metadata"]["name"]
    shop.delete("v1", "Pod", SYSTEM, old)
    wait(lambda: leader() not in (None, "", first), 90, "a new leader")
    shop.apply(route("later", "/later"))
    wait(lambda: conditions(parents(shop, "later")[0])["Accepted"][0] == "True", 60, "a status by the new leader")


def test_datagrams_come_by_the_same_service(shop):
    datagrams_pass(shop)


def test_a_gateway_that_goes_takes_its_service_along(shop):
    shop.apply(gateway("brief"))
    address(shop, "brief")
    services = lambda: [s["metadata"]["annotations"].get("holdfast.dev/gateway") for s in shop.get("v1", "Service", SYSTEM)["items"]]
    assert "shop/brief" in services()
    shop.delete(API, "Gateway", "shop", "brief")
    wait(lambda: "shop/brief" not in services(), 60, "the Service's end")


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
    for document in rendered.values():
        meta = document["metadata"]
        at = shop.path(document["apiVersion"], document["kind"], meta.get("namespace"), meta["name"])
        shop.call("PATCH", f"{at}?fieldManager=chart&force=true&dryRun=All&fieldValidation=Strict", document, "application/apply-patch+yaml")


def test_the_conformance_suite(shop, tmp_path):
    conformance(shop, tmp_path)
