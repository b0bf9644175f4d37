"""./holdfast demo as a newcomer meets it: what it prints works, and Ctrl-C ends it."""
import re
import shlex
import signal
import subprocess

import pytest

from lib.gateway import Gateway, HOLDFAST, wait


@pytest.fixture
def demo():
    with Gateway(command="demo", admin=False) as running:
        wait(lambda: any("Ctrl-C" in line for line in running.out), 60, running.text)
        yield running


def test_the_commands_it_prints_do_what_it_says(demo):
    commands = [line.strip() for line in demo.out if line.strip().startswith(("curl ", "./holdfast streams"))]
    assert len(commands) == 3
    for line in commands[:2]:
        said = subprocess.run(shlex.split(line), capture_output=True).stderr.decode("latin-1")
        assert "ALPN: server accepted http/1.1" in said and "HTTP/1.1 101 Switching Protocols" in said
    assert "--http1.1" in commands[0] and "--http1.1" not in commands[1]
    listed = subprocess.run([HOLDFAST, *shlex.split(commands[2])[1:]], capture_output=True, text=True)
    assert listed.returncode == 0 and "streams" in listed.stdout


def test_ctrl_c_ends_it_cleanly_and_leaves_no_folder(demo):
    import os
    folder = re.search(r"The manifests (\S+)", demo.text()).group(1)
    assert os.path.isdir(folder)
    demo.signal(signal.SIGINT)
    assert demo.ended(60) == 0
    assert not os.path.exists(folder)
    assert "Exception" not in demo.text() and "ERROR" not in demo.text()


def test_the_page_and_its_streams_in_a_browser(demo, browser):
    site = re.search(r"https://localhost:\d+/", demo.text()).group()
    page = browser.new_page()
    page.goto(site)
    page.wait_for_function("document.querySelector('#page .state').textContent === 'loaded'")
    page.wait_for_function("document.querySelector('#ws .state').textContent === 'open' && document.querySelector('#sse .state').textContent === 'open'")
    for n in range(1, 11):
        page.click("#change")
        page.wait_for_function(f"document.getElementById('changes').textContent.startsWith('{n} change')")
        wait(lambda: sum("applied in" in line for line in demo.err) >= n, 10, demo.text)
    count = int(page.text_content("#ws .count"))
    page.wait_for_function(f"Number(document.querySelector('#ws .count').textContent) > {count}")
    assert page.text_content("#ws .cut") == "0" and page.text_content("#sse .cut") == "0"
    assert page.text_content("#page .failed") == "0"


def test_the_console_shows_the_streams_and_closes_one_when_asked(demo, browser):
    from playwright.sync_api import expect
    site = re.search(r"https://localhost:\d+/", demo.text()).group()
    console = re.search(r"The console +(\S+)", demo.text()).group(1)
    page = browser.new_page()
    page.goto(site)
    page.wait_for_function("document.querySelector('#ws .state').textContent === 'open'")
    other = browser.new_page()
    other.goto(console)
    # The console's policy forbids evaluated scripts, so its page is asked through locators only.
    expect(other.locator("#streams tbody tr:not([hidden])")).to_have_count(2)
    other.locator("#streams tbody tr", has_text="websocket").locator("button").click()
    other.locator("#ask button[value=yes]").click()
    page.wait_for_function("document.querySelector('#ws .cut').textContent === '1'")
    page.wait_for_function("document.querySelector('#ws .state').textContent === 'open'")
    other.get_by_role("link", name="Configuration").click()
    expect(other.locator("#plan")).to_contain_text("any-host")
