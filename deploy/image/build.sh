#!/usr/bin/env bash
# Makes the image as an OCI tar, app/target/holdfast-image.tar, with Jib: no container engine, no registry and no base image are
# needed. In it are Holdfast, a Java runtime cut down to what it uses, and the C library of this machine (Linux with glibc).
#   docker load -i app/target/holdfast-image.tar      or ctr images import, skopeo copy oci-archive:...
set -euo pipefail
cd "$(dirname "$0")/../.."
. build/find-jdk.sh
holdfast_find_jdk
root=app/target/image-root

./holdfast --version
say() { printf 'image: %s\n' "$*" >&2; }

say "a Java runtime"
rm -rf "$root"
mkdir -p "$root/etc" "$root/lib64" "$root/tmp"
modules=$("$JAVA_HOME/bin/jdeps" --ignore-missing-deps --multi-release 25 --print-module-deps app/target/holdfast.jar | tail -n 1)
# What is looked up by name: TLS by elliptic curves, DNS of the JDK, time zones.
"$JAVA_HOME/bin/jlink" --add-modules "$modules,jdk.crypto.ec,jdk.naming.dns,jdk.zipfs,jdk.jcmd" --strip-debug --no-header-files --no-man-pages \
  --compress=zip-6 --output "$root/jre"

say "the C library"
for name in libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libgcc_s.so.1 libresolv.so.2; do
  found=$(ldconfig -p | awk -v n="$name" '$1 == n {print $NF; exit}')
  [ -n "$found" ] && cp -L "$found" "$root/lib64/"
done
loader=$(ldd "$root/jre/bin/java" | awk '/ld-linux/ {print $1; exit}')
mkdir -p "$root$(dirname "$loader")"
cp -L "$loader" "$root$loader"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
echo 'nonroot:x:65532:65532::/tmp:/sbin/nologin' >"$root/etc/passwd"
echo 'nonroot:x:65532:' >"$root/etc/group"

say "the image"
./mvnw -q -B -ntp -Pimage -DskipTests -Dspotless.check.skip -pl app -am package
ls -l app/target/holdfast-image.tar >&2
