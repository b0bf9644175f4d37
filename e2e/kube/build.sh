#!/usr/bin/env bash
# Builds what a cluster without containers needs into e2e/.cache/kube, once for each change of these sources: kube-apiserver with a
# few controllers (cluster), what renders the Helm chart (chart), and with the argument "conformance" the Gateway API's conformance suite
# and its backend, both unchanged. Needs go; etcd is Debian's, unpacked beside them. About five minutes on two cores the first time,
# and three more for the suite; seconds afterwards.
set -euo pipefail
cd "$(dirname "$0")"
out=$(cd .. && pwd)/.cache/kube
mkdir -p "$out"
# The suite is written in this Go; the go command takes it from the module proxy like any module.
export GOTOOLCHAIN=go1.27.3 CGO_ENABLED=0 GOFLAGS=-buildvcs=false

# Whether what is asked for has been built of other sources, or not at all.
stale() {
  local of=$1; shift
  sum=$(cat build.sh "$of"/*.go "$of"/go.mod "$of"/go.sum | cksum)
  [ "$(cat "$out/$of.sum" 2>/dev/null)" != "$sum" ] && return 0
  for made in "$@"; do [ -e "$out/$made" ] || return 0; done
  return 1
}

if stale cluster cluster; then
  version=v1.36.3
  at=k8s.io/component-base/version
  (cd cluster && nice go build -trimpath -o "$out/cluster" -ldflags "-s -w -X $at.gitVersion=$version -X $at.gitMajor=1 -X $at.gitMinor=36 \
    -X $at.gitTreeState=clean" .)
  echo "$sum" >"$out/cluster.sum"
fi
if stale chart chart; then
  (cd chart && nice go build -trimpath -ldflags "-s -w" -o "$out/chart" .)
  echo "$sum" >"$out/chart.sum"
fi
# The CRDs are of the suite's version.
if [ ! -d "$out/crds" ] || ! cmp -s conformance/go.mod "$out/crds.mod"; then
  rm -rf "$out/crds"
  (cd conformance && go mod download sigs.k8s.io/gateway-api &&
    cp -r "$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd" "$out/crds" && chmod -R u+w "$out/crds")
  cp conformance/go.mod "$out/crds.mod"
fi
if [ "${1:-}" = conformance ] && stale conformance conformance.test echo-basic; then
  (cd conformance && nice go build -trimpath -ldflags "-s -w" -o "$out/echo-basic" sigs.k8s.io/gateway-api-conformance-images/echo-basic &&
    nice go test -c -trimpath -ldflags "-s -w" -o "$out/conformance.test" sigs.k8s.io/gateway-api/conformance)
  echo "$sum" >"$out/conformance.sum"
fi

# Unpacked rather than installed: the package would start a server of its own.
if [ ! -x "$out/etcd" ]; then
  if command -v etcd >/dev/null; then
    cp "$(command -v etcd)" "$out/etcd"
  else
    apt-get update -qq
    (cd "$out" && apt-get download -qq etcd-server && dpkg -x etcd-server_*.deb unpacked && cp unpacked/usr/bin/etcd etcd && rm -rf unpacked etcd-server_*.deb)
  fi
fi
