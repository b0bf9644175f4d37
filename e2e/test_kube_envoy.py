"""Holdfast as the control plane of Envoys in a real cluster: what it makes for each Gateway, under the role of the chart and no other; the
Envoys are real ones."""
import shutil
import stat

import pytest

from conftest import need_envoy
from lib.kube import ROOT, Cluster, wait
from lib.shop import (API, HTTP, SHOP, SYSTEM, Image, Socket, Traffic, address, ask, chart, conditions, conformance, datagrams_pass, gateway, install_envoy_proxies,
                      is_ready, pods, proxy, route, unless_possible)
from lib.xds import envoy_binary


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    unless_possible()
    need_envoy()
    image = Image()
    envoy = image.folder / "envoy"
    shutil.copy(envoy_binary(), envoy)
    envoy.chmod(envoy.stat().st_mode | stat.S_IRUSR | stat.S_IXUSR | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
    with Cluster(tmp_path_factory.mktemp("kube"), {"holdfast": image.program, "envoyproxy": envoy, "shop-echo": image.echo()}) as made:
        made.apply(f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {SYSTEM}}}")
        made.install_gateway_api()
        install_envoy_proxies(made)
        made.apply(*sorted((ROOT / "deploy" / "crds").glob("*.yaml")), chart("plane=envoy", "replicas=1"))
        wait(lambda: ours(made) and all(map(is_ready, ours(made))), 300, "a ready control plane")
        yield made
    image.remove()


def ours(cluster):
    return [p for p in pods(cluster) if p["metadata"]["labels"].get("app.kubernetes.io/name") == "holdfast"]


def envoys(cluster, of="web"):
    return [p for p in pods(cluster) if p["metadata"]["labels"].get("gateway.networking.k8s.io/gateway-name") == of]


def made(cluster, api, kind, of="web"):
    """What there is of a kind for a Gateway."""
    return [o for o in cluster.get(api, kind, SYSTEM)["items"]
            if o["metadata"].get("labels", {}).get("gateway.networking.k8s.io/gateway-name") == of]


@pytest.fixture(scope="module")
def shop(cluster):
    cluster.apply(SHOP)
    wait(lambda: conditions(cluster.get(API, "Gateway", "shop", "web")["status"])["Programmed"][0] == "True", 180, "a programmed Gateway")
    wait(lambda: ask(cluster)[0] == 200, 120, "an answer from the backend")
    return cluster


def test_each_gateway_has_envoys_of_its_own(shop):
    (deployment,) = made(shop, "apps/v1", "Deployment")
    (service,) = made(shop, "v1", "Service")
    (secret,) = made(shop, "v1", "Secret")
    assert [o["kind"] for o in deployment["metadata"]["ownerReferences"]] == ["Service"]
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == service["metadata"]["uid"] == secret["metadata"]["ownerReferences"][0]["uid"]
    assert len(made(shop, "v1", "ServiceAccount")) == 1
    assert {a["value"] for a in shop.get(API, "Gateway", "shop", "web")["status"]["addresses"]} == {
        i["ip"] for i in service["status"]["loadBalancer"]["ingress"]}
    assert ask(shop)[0] == 200
    (pod,) = envoys(shop)
    assert [c["name"] for c in pod["spec"]["containers"]] == ["envoy", "drain"]
    assert not pod["spec"]["automountServiceAccountToken"]


def test_what_is_made_is_written_once(shop):
    def versions():
        return [o["metadata"]["resourceVersion"] for api, kind in (("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "Secret"), ("v1", "ServiceAccount"))
                for o in made(shop, api, kind) if kind != "Deployment"] + [made(shop, "apps/v1", "Deployment")[0]["metadata"]["generation"]]
    before = versions()
    shop.apply(route("other", "/other"))
    wait(lambda: ask(shop, "/other")[1].get("x-route") == "other", 60, "the other route")
    assert versions() == before


def test_a_websocket_lives_through_changes(shop):
    held = Socket(shop)
    held.echo("before")
    shop.apply(route("changing", "/changing"))
    wait(lambda: ask(shop, "/changing")[1].get("x-route") == "changing", 60, "the new route")
    held.echo("after a route")
    shop.apply(gateway("web", "{name: more, hostname: more.example, port: 8080, protocol: HTTP}", HTTP))
    wait(lambda: len(shop.get(API, "Gateway", "shop", "web")["status"]["listeners"]) == 2, 60, "the new listener")
    wait(lambda: len(made(shop, "v1", "Service")[0]["spec"]["ports"]) == 2, 60, "the new port")
    held.echo("after a listener")
    shop.apply(proxy("quick", "", "shutdown: {minDrainDuration: 1s, drainTimeout: 1h}"), gateway("beside", proxy="quick"))
    wait(lambda: ask(shop, at=address(shop, "beside"))[0] == 404, 180, "another Gateway's Envoy")
    held.echo("after another Gateway")
    shop.delete(API, "HTTPRoute", "shop", "changing")
    wait(lambda: "x-route" not in ask(shop, "/changing")[1], 60, "the route's end")
    held.echo("after a route's end")
    held.close()


def test_a_host_that_has_gone_is_served_no_more(shop):
    shop.apply(route("brief", "/").replace("shop.example", "brief.example"))
    wait(lambda: ask(shop, host="brief.example")[0] == 200, 60, "an answer")
    shop.delete(API, "HTTPRoute", "shop", "brief")
    wait(lambda: ask(shop, host="brief.example")[0] == 404, 60, "that nobody answers for it")


def test_what_is_taken_away_by_hand_is_made_again(shop):
    (before,) = made(shop, "apps/v1", "Deployment")
    pods_before = {p["metadata"]["uid"] for p in envoys(shop)}
    shop.delete("apps/v1", "Deployment", SYSTEM, before["metadata"]["name"])
    wait(lambda: [d for d in made(shop, "apps/v1", "Deployment") if d["metadata"]["uid"] != before["metadata"]["uid"]], 60, "a new Deployment")
    wait(lambda: envoys(shop) and all(is_ready(p) and p["metadata"]["uid"] not in pods_before for p in envoys(shop)), 120, "a new Envoy, and no other")
    wait(lambda: ask(shop)[0] == 200, 60, "an answer")


def test_certificates_are_made_anew_and_taken_up_while_envoys_serve(shop):
    (before,) = made(shop, "v1", "Secret")
    server = shop.get("v1", "Secret", SYSTEM, "holdfast-xds")
    (pod,) = envoys(shop)
    for name in ("holdfast-xds-authority", "holdfast-xds"):
        shop.delete("v1", "Secret", SYSTEM, name)  # as when all of them have been lost

    def renewed():
        (now,) = made(shop, "v1", "Secret")
        return now["data"]["tls.crt"] != before["data"]["tls.crt"] and now["data"]["ca.crt"] != before["data"]["ca.crt"]
    wait(renewed, 60, "another certificate of the Gateway's")
    assert shop.get("v1", "Secret", SYSTEM, "holdfast-xds")["data"]["tls.crt"] != server["data"]["tls.crt"]
    assert ask(shop)[0] == 200
    (control,) = ours(shop)
    shop.delete("v1", "Pod", SYSTEM, control["metadata"]["name"])  # so that Envoys come anew
    wait(lambda: ours(shop) and all(map(is_ready, ours(shop))), 180, "a new control plane")
    shop.apply(route("renewed", "/renewed"))
    wait(lambda: ask(shop, "/renewed")[1].get("x-route") == "renewed", 120, "a change by the new certificates")
    (same,) = envoys(shop)
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]


def test_envoyproxy_says_what_is_made(shop):
    shop.apply("""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: many, namespace: shop}
spec:
  concurrency: 1
  shutdown: {drainTimeout: 90s, minDrainDuration: 1s}
  provider:
    type: Kubernetes
    kubernetes:
      envoyDeployment:
        name: proxy-of-many
        pod: {labels: {team: blue}, annotations: {note: kept}}
        container: {resources: {requests: {cpu: 50m}}}
        patch: {type: StrategicMerge, value: {spec: {template: {spec: {containers: [{name: envoy, env: [{name: EXTRA, value: "1"}]}]}}}}}
      envoyHpa: {minReplicas: 1, maxReplicas: 3}
      envoyPDB: {minAvailable: 1}
      envoyService: {type: ClusterIP, annotations: {example.com/of: us}}
""", gateway("many", proxy="many"))
    deployment = wait(lambda: shop.get("apps/v1", "Deployment", SYSTEM, "proxy-of-many"), 60, "the Deployment of that name")
    pod = deployment["spec"]["template"]
    envoy = next(c for c in pod["spec"]["containers"] if c["name"] == "envoy")
    assert pod["metadata"]["labels"]["team"] == "blue" and pod["metadata"]["annotations"]["note"] == "kept"
    assert {"EXTRA", "POD_NAME"} <= {e["name"] for e in envoy["env"]} and envoy["args"][-2:] == ["--concurrency", "1"]
    assert pod["spec"]["terminationGracePeriodSeconds"] == 120 and len(pod["spec"]["containers"]) == 2
    (scaler,) = wait(lambda: made(shop, "autoscaling/v2", "HorizontalPodAutoscaler", "many"), 60, "its scaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "proxy-of-many" and scaler["spec"]["maxReplicas"] == 3
    (budget,) = wait(lambda: made(shop, "policy/v1", "PodDisruptionBudget", "many"), 60, "its budget")
    assert budget["spec"]["minAvailable"] == 1
    (service,) = made(shop, "v1", "Service", "many")
    assert service["spec"]["type"] == "ClusterIP" and service["metadata"]["annotations"]["example.com/of"] == "us"
    shop.delete(API, "Gateway", "shop", "many")


@pytest.fixture(scope="module")
def moving(shop):
    """A Gateway with two Envoys whose EnvoyProxy is about to say something else."""
    shop.apply(moved(FIRST), gateway("moving", proxy="moving"), route("moving", "/").replace("name: web", "name: moving"))
    wait(lambda: len(serving(shop)) == 2, 180, "two Envoys")
    wait(lambda: ask(shop, at=address(shop, "moving"))[0] == 200, 60, "an answer")
    yield shop
    shop.delete(API, "Gateway", "shop", "moving")


FIRST = "envoyDeployment: {name: first, replicas: 2}"
SCALED = "envoyHpa: {minReplicas: 1, maxReplicas: 3}"


def moved(kubernetes):
    more = "static_resources: {clusters: [{name: more, type: STATIC, connect_timeout: 1s}]}"
    return proxy("moving", kubernetes, "concurrency: 1, shutdown: {minDrainDuration: 1s, drainTimeout: 10s}, "
                 f"bootstrap: {{type: Merge, value: '{{stats_flush_interval: 7s, {more}}}'}}")


def serving(cluster):
    """The uids of its Pods that are ready."""
    return {p["metadata"]["uid"] for p in envoys(cluster, "moving") if is_ready(p)}


def workloads(cluster):
    return {d["metadata"]["name"] for kind in ("Deployment", "DaemonSet") for d in made(cluster, "apps/v1", kind, "moving")}


def test_a_scaler_that_is_added_takes_over_as_many_envoys_as_there_are(moving):
    before = serving(moving)
    moving.apply(moved(f"{FIRST}, {SCALED}"))
    wait(lambda: made(moving, "autoscaling/v2", "HorizontalPodAutoscaler", "moving"), 60, "the scaler")
    deployment = moving.path("apps/v1", "Deployment", SYSTEM, "first")
    wait(lambda: "holdfast-envoy-replicas" in {m["manager"] for m in moving.call("GET", deployment)["metadata"]["managedFields"]}, 60, "another owner")
    assert moving.call("GET", deployment)["spec"]["replicas"] == 2
    # As a scaler does.
    moving.call("PATCH", deployment + "/scale", {"spec": {"replicas": 3}}, "application/merge-patch+json")
    wait(lambda: len(serving(moving)) == 3, 120, "three Envoys")
    moving.apply(route("scaled", "/scaled").replace("name: web", "name: moving"))
    wait(lambda: ask(moving, "/scaled", address(moving, "moving"))[1].get("x-route") == "scaled", 60, "another turn of ours")
    assert moving.call("GET", deployment)["spec"]["replicas"] == 3 and before < serving(moving)


@pytest.mark.parametrize("says, follows, envoys_then", [(f"envoyDeployment: {{name: second}}, {SCALED}", "second", 3), ("envoyDaemonSet: {name: third}", "third", 1)])
def test_what_follows_serves_before_what_was_there_ends(moving, says, follows, envoys_then):
    before, pods_before = workloads(moving), serving(moving)
    held = Socket(moving, address(moving, "moving"))
    with Traffic(moving, address(moving, "moving")) as traffic:
        moving.apply(moved(says))
        wait(lambda: follows in workloads(moving), 60, "what follows")
        wait(lambda: workloads(moving) == {follows}, 240, "the end of what was there")
        held.echo("after the end")
        assert len(serving(moving) - pods_before) == envoys_then
        wait(lambda: not serving(moving) & pods_before, 60, "the end of its Pods")
    assert traffic.seen == [] and before != {follows}
    held.close()


def test_a_service_by_another_name_follows_before_the_one_of_before_ends(moving):
    (before,) = made(moving, "v1", "Service", "moving")
    pods_before, old = serving(moving), address(moving, "moving")
    held = Socket(moving, old)
    with Traffic(moving, old) as traffic:
        moving.apply(moved("envoyDaemonSet: {name: third}, envoyService: {name: elsewhere}"))
        new = wait(lambda: moving.get("v1", "Service", SYSTEM, "elsewhere")["status"]["loadBalancer"]["ingress"][0]["ip"], 60, "another address")
        wait(lambda: address(moving, "moving") == new and ask(moving, at=new)[0] == 200, 60, "an answer there")
        assert len(made(moving, "v1", "Service", "moving")) == 2
    assert traffic.seen == []
    wait(lambda: [s["metadata"]["name"] for s in made(moving, "v1", "Service", "moving")] == ["elsewhere"], 120, "the end of the Service of before")
    held.echo("after the end")
    held.close()
    uid = made(moving, "v1", "Service", "moving")[0]["metadata"]["uid"]
    kinds = (("apps/v1", "DaemonSet"), ("v1", "Secret"), ("v1", "ServiceAccount"))
    assert {o["uid"] for api, kind in kinds for m in made(moving, api, kind, "moving") for o in m["metadata"]["ownerReferences"]} == {uid}
    assert serving(moving) == pods_before and before["metadata"]["uid"] != uid


@pytest.mark.parametrize("field, says", [
    ("envoyService.name", "envoyService: {name: holdfast-xds}"),
    ("envoyServiceAccount.name", "envoyServiceAccount: {name: holdfast}"),
    ("envoyDeployment.name", "envoyDeployment: {name: holdfast}"),
    ("envoyDeployment.pod.volumes", "envoyDeployment: {pod: {volumes: [{name: a, secret: {secretName: holdfast-xds-authority}}]}}"),
])
def test_an_envoyproxy_takes_over_nothing_of_ours(shop, field, says):
    def own():
        objects = [shop.get(api, kind, SYSTEM, name) for api, kind, name in (
            ("v1", "Service", "holdfast-xds"), ("v1", "ServiceAccount", "holdfast"), ("apps/v1", "Deployment", "holdfast"))]
        return [(o["metadata"]["uid"], o["metadata"].get("ownerReferences"), o["metadata"].get("labels"), o.get("spec"), o.get("automountServiceAccountToken"))
                for o in objects]
    before = own()
    name = "greedy-" + field.split(".")[0].lower() + "-" + field.split(".")[-1]
    shop.apply(proxy(name, says), gateway(name, proxy=name))
    told = wait(lambda: [e for e in shop.get("events.k8s.io/v1", "Event", "shop")["items"]
                         if (e["regarding"]["kind"], e["regarding"]["name"]) == ("EnvoyProxy", name)], 60, "an Event")
    assert told[0]["note"].startswith(f"spec.provider.kubernetes.{field}: ")
    assert own() == before
    assert not made(shop, "apps/v1", "Deployment", name)
    shop.delete(API, "Gateway", "shop", name)


def test_gateways_that_are_merged_share_envoys_and_an_address(shop):
    shop.apply("""
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: together, namespace: shop}
spec: {mergeGateways: true, shutdown: {minDrainDuration: 1s}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: together}
spec:
  controllerName: gateway.holdfast.dev/gatewayclass-controller
  parametersRef: {group: gateway.envoyproxy.io, kind: EnvoyProxy, namespace: shop, name: together}
""", gateway("left", of="together"), gateway("right", "{name: http, port: 8080, protocol: HTTP}", of="together"),
        route("left", "/left").replace("name: web", "name: left"), route("right", "/").replace("name: web", "name: right"))
    at = address(shop, "left")
    wait(lambda: ask(shop, "/left", at)[1].get("x-route") == "left", 180, "an answer")
    wait(lambda: ask(shop, "/", f"{at}:8080")[1].get("x-route") == "right", 60, "an answer of the other")
    assert address(shop, "right") == at
    workloads = [d for d in shop.get("apps/v1", "Deployment", SYSTEM)["items"]
                 if d["metadata"]["labels"].get("gateway.networking.k8s.io/gateway-class-name") == "together"]
    assert len(workloads) == 1
    for name in ("left", "right"):
        shop.delete(API, "Gateway", "shop", name)


def test_a_pod_that_ends_lets_its_streams_go_on_for_the_drain(shop):
    held = Socket(shop)
    held.echo("before")
    (pod,) = envoys(shop)
    shop.delete("v1", "Pod", SYSTEM, pod["metadata"]["name"])
    wait(lambda: [p for p in envoys(shop) if p["metadata"]["uid"] != pod["metadata"]["uid"] and is_ready(p)], 120, "another Envoy")
    wait(lambda: ask(shop)[0] == 200, 60, "an answer of the other")
    held.echo("while it drains")
    held.close()


def test_datagrams_come_by_the_same_service(shop):
    datagrams_pass(shop)


def test_a_gateway_that_goes_takes_all_along_and_an_envoy_without_streams_ends_at_once(shop):
    """Not after its drain time, which is an hour."""
    assert made(shop, "apps/v1", "Deployment", "beside")
    shop.delete(API, "Gateway", "shop", "beside")
    kinds = (("v1", "Service"), ("apps/v1", "Deployment"), ("v1", "Secret"), ("v1", "ServiceAccount"), ("v1", "Pod"))
    wait(lambda: not any(made(shop, api, kind, "beside") for api, kind in kinds), 180, "the end of all that was its")
    assert made(shop, "apps/v1", "Deployment") and ask(shop)[0] == 200


def test_the_conformance_suite(shop, tmp_path):
    conformance(shop, tmp_path)
