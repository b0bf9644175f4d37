# Sourced by ./mvnw and ./holdfast: exports JAVA_HOME to the newest JDK 25 or later found in the usual places.
holdfast_jdk_version() {
    [ -x "$1/bin/javac" ] || return 1
    # The release file answers without starting a JVM.
    if [ -r "$1/release" ]; then
        sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"
    else
        "$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1
    fi
}

holdfast_find_jdk() {
    if [ -n "${JAVA_HOME:-}" ]; then
        version=$(holdfast_jdk_version "$JAVA_HOME") && [ "${version:-0}" -ge 25 ] && return 0
    fi
    best= best_version=24
    on_path=$(command -v javac 2>/dev/null || true)
    [ -n "$on_path" ] && on_path=$(dirname "$(dirname "$(readlink -f "$on_path" 2>/dev/null || echo "$on_path")")")
    for candidate in "$on_path" /usr/lib/jvm/* /usr/java/* /opt/java/* /opt/jdk* "${HOME:-/}"/.sdkman/candidates/java/* \
        "${HOME:-/}"/.jdks/* /Library/Java/JavaVirtualMachines/*/Contents/Home /opt/homebrew/opt/openjdk*; do
        [ -n "$candidate" ] && [ -d "$candidate" ] || continue
        version=$(holdfast_jdk_version "$candidate") || continue
        if [ "${version:-0}" -gt "$best_version" ]; then
            best=$candidate best_version=$version
        fi
    done
    if [ -z "$best" ]; then
        echo "Holdfast needs a JDK 25 or newer and found none. Install one (for example Temurin 25) or set JAVA_HOME to it." >&2
        return 1
    fi
    JAVA_HOME=$best
    export JAVA_HOME
}
