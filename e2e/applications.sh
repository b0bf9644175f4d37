#!/usr/bin/env bash
# Installs the applications of test_applications.py into e2e/.cache: applications.sh home-assistant|n8n
# From PyPI and npm, each in a version that its interpreter here can run.
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

for application in "$@"; do
  case "$application" in
    home-assistant) home_assistant ;;
    *) echo "no such application: $application" >&2; exit 2 ;;
  esac
done
