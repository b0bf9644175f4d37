#!/usr/bin/env bash
# Installs the applications of test_applications.py into e2e/.cache: applications.sh home-assistant code-server
# From PyPI and npm, each in a version that its interpreter here can run. What fails is said at the end; the others are there.
set -euo pipefail
cd "$(dirname "$0")"
cache="$PWD/.cache"

home_assistant() {
  [ ! -f "$cache/home-assistant/done" ] || return 0
  local python= version=
  for candidate in python3.13 "$HOME"/.pyenv/versions/3.13.*/bin/python3.13 python3.12 "$HOME"/.pyenv/versions/3.12.*/bin/python3.12; do
    if "$candidate" -c '' >/dev/null 2>&1; then python=$candidate; break; fi
  done
  case "$python" in
    *3.13) version=2025.4.4 ;;
    *3.12) version=2025.1.4 ;;
    *) echo "Python 3.12 or 3.13 is needed" >&2; return 1 ;;
  esac
  rm -rf "$cache/home-assistant"
  "$python" -m venv "$cache/home-assistant"
  local bin="$cache/home-assistant/bin"
  "$bin/pip" install -q --disable-pip-version-check "homeassistant==$version"
  # What its front end needs it would fetch at its first start.
  "$bin/python" - <<'PY' >"$cache/home-assistant/requirements.txt"
import json, pathlib, homeassistant.components as components
folder, seen, wanted = pathlib.Path(components.__path__[0]), set(), ["frontend", "http", "websocket_api", "onboarding"]
while wanted:
    name = wanted.pop()
    if name not in seen:
        seen.add(name)
        manifest = json.loads((folder / name / "manifest.json").read_text())
        print("\n".join(manifest.get("requirements", [])))
        wanted += manifest.get("dependencies", []) + manifest.get("after_dependencies", [])
PY
  "$bin/pip" install -q --disable-pip-version-check -r "$cache/home-assistant/requirements.txt"
  touch "$cache/home-assistant/done"
}

code_server() {
  [ ! -f "$cache/code-server/done" ] || return 0
  if [ ! -e /usr/include/krb5.h ] && [ "$(id -u)" = 0 ]; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libkrb5-dev
  fi
  rm -rf "$cache/code-server"
  mkdir "$cache/code-server"
  cd "$cache/code-server"
  echo '{"private": true}' >package.json
  # It runs on this Node.js alone, which npm has too.
  npm install --no-audit --no-fund node@24.21.0
  # --unsafe-perm: its native parts are built by scripts, which npm would run as nobody.
  PATH="$PWD/node_modules/.bin:$PATH" npm install --no-audit --no-fund --unsafe-perm code-server@4.139.1
  PATH="$PWD/node_modules/.bin:$PATH" node_modules/.bin/code-server --version
  touch done
}

failed=
for application in "$@"; do
  case "$application" in
    home-assistant) command=home_assistant ;;
    code-server) command=code_server ;;
    *) echo "no such application: $application" >&2; exit 2 ;;
  esac
  # In a shell of its own, where a command that fails ends it; twice, for a registry may falter.
  set +e
  installed=
  for try in 1 2; do
    (set -e; $command)
    if [ $? = 0 ]; then installed=yes; break; fi
  done
  set -e
  [ -n "$installed" ] || failed="$failed $application"
done
[ -z "$failed" ] || { echo "not installed:$failed"; exit 1; }
