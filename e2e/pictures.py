"""Makes the README's pictures from the running demo: e2e/.cache/venv/bin/python e2e/pictures.py"""
import pathlib
import re
import time

from playwright.sync_api import sync_playwright

from lib.gateway import Gateway, wait

IMAGES = pathlib.Path(__file__).resolve().parents[1] / "docs" / "images"

with Gateway(command="demo", admin=False) as demo, sync_playwright() as play:
    wait(lambda: any("Ctrl-C" in line for line in demo.out), 120, demo.text)
    site = re.search(r"https://localhost:\d+", demo.text()).group()
    console = re.search(r"The console +(\S+)", demo.text()).group(1)
    browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"])
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 1000, "height": 560}, locale="en-GB")
    page = context.new_page()
    page.goto(site + "/")
    page.wait_for_function("document.querySelector('#page .state').textContent === 'loaded'")
    page.click("#reload")
    for _ in range(2):
        page.click("#change")
        time.sleep(1.2)
    page.screenshot(path=IMAGES / "demo.png")
    other = context.new_page()
    other.set_viewport_size({"width": 1000, "height": 760})
    other.goto(console)
    time.sleep(1.5)
    other.screenshot(path=IMAGES / "console.png")
    browser.close()
