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
    # A few more streams beside the page's own, and pages asked for, so that there is something to see. Each visitor is
    # somebody else: a browser opens at most six HTTP/1.1 connections to a host.
    for n in range(3):
        one = browser.new_context(ignore_https_errors=True).new_page()
        one.goto(site + "/")
        one.wait_for_function("document.querySelector('#ws .state').textContent === 'open'")
    visitor = browser.new_context(ignore_https_errors=True).request
    for n in range(60):
        visitor.get(site + "/")
        time.sleep(0.05 + 0.6 * (n % 7 == 0))
    for name, scheme, width, height in (("console", "light", 1280, 720), ("console-narrow", "light", 400, 800)):
        other = context.new_page()
        other.emulate_media(color_scheme=scheme)
        other.set_viewport_size({"width": width, "height": height})
        other.goto(console)
        other.locator("#streams tbody tr:not([hidden])").nth(5).wait_for()
        time.sleep(2.5)
        other.screenshot(path=IMAGES / f"{name}.png")
    other = context.new_page()
    other.set_viewport_size({"width": 1280, "height": 860})
    other.goto(console + "#configuration")
    other.locator("details.route summary", has_text="home-assistant.ironstone.casa").first.click()
    time.sleep(0.5)
    other.screenshot(path=IMAGES / "console-configuration.png")
    browser.close()

for image in IMAGES.glob("*.png"):
    assert image.stat().st_size < 250_000, image
