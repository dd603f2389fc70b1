"""Drives the page /phoenix in a real Chromium: the guide to Phoenix.Presence with its three tabs.

usage: phoenix_page.py STEPS URL SCREENSHOT ROLLCALL

STEPS is `guide`, `token` or `restart`, and ROLLCALL the program. Prints one line a step. A step that fails ends the run
with exit code 1, the lists of all tabs and a screenshot.
"""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import expect, sync_playwright

steps, url, screenshot, rollcall = sys.argv[1:]
chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
expect.set_options(timeout=60_000)


def main():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = browser.new_context(viewport={"width": 900, "height": 820})
        try:
            if steps == "guide":
                three_tabs(context)
                reload_is_one_name(context)
                back_and_forward(context)
                form(context)
                narrow_and_dark(browser)
            elif steps == "token":
                missing_token(context)
                token_in_the_address(context)
            else:
                restart_of_the_node(context)
        except BaseException:
            for index, tab in enumerate(context.pages):
                print(f"tab {index}: {tab.url}: {names(tab)}: {tab.locator('#state').inner_text()}", flush=True)
            if context.pages:
                context.pages[0].screenshot(path=screenshot, full_page=True)
                print(f"screenshot: {screenshot}", flush=True)
            raise
        browser.close()


def three_tabs(context):
    alice, other_alice, bob = (open_tab(context, f"?name={name}") for name in ("Alice", "Alice", "Bob"))
    for tab in (alice, other_alice, bob):
        expect_names(tab, "Alice (count: 2)", "Bob (count: 1)")
        expect(tab.locator("#state")).to_have_text("live")
    code = bob.get_by_role("region", name="This code of the Phoenix guide runs here")
    for line in ('let socket = new Socket("/socket", {authToken: window.userToken})', "presence.list("):
        expect(code).to_contain_text(line)
    alice.bring_to_front()
    alice.screenshot(path=screenshot, full_page=True)
    print("three tabs: Alice (count: 2), Bob (count: 1) in each", flush=True)

    other_alice.close()
    for tab in (alice, bob):
        expect_names(tab, "Alice (count: 1)", "Bob (count: 1)")
    print("one Alice closed: Alice (count: 1)", flush=True)

    alice.close()
    expect_names(bob, "Bob (count: 1)")
    print("both closed: Alice is gone", flush=True)
    bob.close()


def reload_is_one_name(context):
    alice, bob = open_tab(context, "?name=Alice"), open_tab(context, "?name=Bob")
    for _ in range(3):
        alice.reload()
        for tab in (alice, bob):
            expect_names(tab, "Alice (count: 1)", "Bob (count: 1)")
    print("three reloads: one presence each time", flush=True)
    close(alice, bob)


def back_and_forward(context):
    alice, bob = open_tab(context, "?name=Alice"), open_tab(context, "?name=Bob")
    expect_names(bob, "Alice (count: 1)", "Bob (count: 1)")
    alice.goto(url + "/healthz")
    expect_names(bob, "Bob (count: 1)")
    alice.go_back()
    for tab in (alice, bob):
        expect_names(tab, "Alice (count: 1)", "Bob (count: 1)")
    print("away and back: left and joined", flush=True)
    close(alice, bob)


def form(context):
    """By keyboard alone: the first stop is the name, Enter joins."""
    tab = open_tab(context, "")
    expect(tab.locator("#state")).to_have_text("live")
    tab.keyboard.press("Tab")
    tab.keyboard.type("Carol")
    tab.keyboard.press("Enter")
    expect_names(tab, "Carol (count: 1)")
    assert tab.get_by_role("region", name="Join in").count() == 0
    print("the form: joined by keyboard", flush=True)
    close(tab)


def narrow_and_dark(browser):
    context = browser.new_context(viewport={"width": 380, "height": 700}, color_scheme="dark")
    tab = open_tab(context, "?name=" + "x" * 200)
    expect_names(tab, "x" * 200 + " (count: 1)")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 380
    color = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert color == "rgb(18, 22, 20)", color
    tab.screenshot(path=screenshot.replace(".png", "-narrow.png"), full_page=True)
    print("380 px and dark: nothing is cut off", flush=True)
    context.close()


def missing_token(context):
    tab = open_tab(context, "?name=Bob")
    expect(tab.get_by_role("region", name="No connection")).to_contain_text("#token=")
    expect_names(tab)
    print("no token: the page asks for one", flush=True)
    close(tab)


def token_in_the_address(context):
    made = subprocess.run([rollcall, "token", "Zoë"], check=True, stdout=subprocess.PIPE, text=True)
    token = made.stdout.strip()
    tab = open_tab(context, "?name=Bob#token=" + token)
    expect_names(tab, "Zoë (count: 1)")
    assert tab.evaluate("location.hash") == "" and token not in tab.content()
    print("a token: present under its sub, and not in the address", flush=True)
    close(tab)


def restart_of_the_node(context):
    """The node restarts as soon as Alice is present."""
    sockets = []
    alice = open_tab(context, "?name=Alice", sockets)
    while len(sockets) < 2:
        alice.wait_for_timeout(100)
    expect(alice.locator("#state")).to_have_text("live")
    # The new join counts beside that of the lost connection until the grace of that one is over.
    expect_names(alice, "Alice (count: 1)")
    print("a restart: present again", flush=True)
    close(alice)


def open_tab(context, path, sockets=None):
    """Opens the page; each of its WebSockets goes into the list."""
    tab = context.new_page()
    if sockets is not None:
        tab.on("websocket", lambda socket: sockets.append(socket))
    tab.on("pageerror", lambda error: fail(f"{path}: {error}"))
    tab.goto(url + "/phoenix" + path)
    return tab


def fail(message):
    print(message, flush=True)
    os._exit(1)


def names(tab):
    return sorted(tab.locator("main").inner_text().splitlines())


def expect_names(tab, *expected):
    """Waits for the names, in any order: a name that comes back is the last one."""
    tab.wait_for_function(
        """expected => {
            const names = document.querySelector('main').innerText.split('\\n').filter(Boolean).sort()
            return JSON.stringify(names) === JSON.stringify(expected)
        }""",
        arg=sorted(expected),
        timeout=60_000,
    )


def close(*tabs):
    for tab in tabs:
        tab.close()


main()
