#!/usr/bin/env bash
# Builds what a cluster without containers needs into e2e/.cache/kube, once for each change of these sources: kube-apiserver with a
# few controllers (cluster), what renders the Helm chart (chart), the Gateway API's conformance suite and its backend, both unchanged. Needs go; etcd is Debian's,
# unpacked beside them. About five minutes on two cores the first time, seconds afterwards.
set -euo pipefail
cd "$(dirname "$0")"
out=$(cd .. && pwd)/.cache/kube
mkdir -p "$out"
# The suite is written in this Go; the go command takes it from the module proxy like any module.
export GOTOOLCHAIN=go1.27.3 CGO_ENABLED=0 GOFLAGS=-buildvcs=false

sum=$(cat build.sh */*.go */go.mod */go.sum | cksum)
if [ "$(cat "$out/sum" 2>/dev/null)" != "$sum" ] || [ ! -x "$out/cluster" ] || [ ! -x "$out/conformance.test" ] || [ ! -x "$out/chart" ] || [ ! -x "$out/echo-basic" ]; then
  version=v1.36.3
  at=k8s.io/component-base/version
  (cd cluster && nice go build -trimpath -o "$out/cluster" -ldflags "-s -w -X $at.gitVersion=$version -X $at.gitMajor=1 -X $at.gitMinor=36 \
    -X $at.gitTreeState=clean" .)
  (cd chart && nice go build -trimpath -ldflags "-s -w" -o "$out/chart" .)
  (cd conformance && nice go build -trimpath -ldflags "-s -w" -o "$out/echo-basic" sigs.k8s.io/gateway-api-conformance-images/echo-basic &&
    nice go test -c -trimpath -ldflags "-s -w" -o "$out/conformance.test" sigs.k8s.io/gateway-api/conformance &&
    rm -rf "$out/crds" && cp -r "$(go list -m -f '{{.Dir}}' sigs.k8s.io/gateway-api)/config/crd" "$out/crds" && chmod -R u+w "$out/crds")
  echo "$sum" >"$out/sum"
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
