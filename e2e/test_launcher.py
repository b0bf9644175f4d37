"""./holdfast itself: builds once, starts from its AOT cache, finds a JDK, says when there is none."""
import os
import re
import subprocess

from lib.gateway import HOLDFAST, ROOT


def test_a_start_comes_from_the_cache_made_for_these_jars():
    subprocess.run([HOLDFAST, "--version"], check=True, capture_output=True)
    done = subprocess.run([HOLDFAST, "--version"], check=True, capture_output=True, text=True, env={**os.environ, "HOLDFAST_JAVA_OPTS": "-Xlog:class+load"})
    line = next(x for x in done.stdout.splitlines() if "dev.holdfast.app.cli.Main source:" in x)
    assert "shared objects file" in line, line


def test_an_older_java_on_the_path_does_not_matter(tmp_path):
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho an old java was started >&2\nexit 1\n")
    old.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k != "JAVA_HOME"} | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([HOLDFAST, "--version"], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stdout.startswith("holdfast "), done.stderr
    maven = subprocess.run([ROOT / "mvnw", "-v"], capture_output=True, text=True, env=environment, cwd=ROOT)
    version = re.search(r"Java version: (\d+)", maven.stdout)
    assert maven.returncode == 0 and version and int(version[1]) >= 25, maven.stdout + maven.stderr


def test_without_a_jdk_it_says_which_to_install(tmp_path):
    """In a copy whose search finds only an empty folder."""
    for name in ("holdfast", "build"):
        subprocess.run(["cp", "-r", ROOT / name, tmp_path], check=True)
    script = tmp_path / "build" / "find-jdk.sh"
    text = script.read_text()
    for place in ("/usr/lib/jvm", "/usr/java", "/opt/java", "/opt/jdk", "/Library/Java", "/opt/homebrew"):
        text = text.replace(place, str(tmp_path / "nowhere"))
    script.write_text(text)
    done = subprocess.run([tmp_path / "holdfast", "--version"], capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
    assert done.returncode == 2 and "JDK 25" in done.stderr, done.stderr + done.stdout


def test_it_works_through_a_link_and_from_another_folder(tmp_path):
    link = tmp_path / "hf"
    link.symlink_to(HOLDFAST)
    done = subprocess.run([link, "--version"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("holdfast ")
