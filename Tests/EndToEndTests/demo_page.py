"""Drives the demo page in a real Chromium, as a user with a few tabs would.

usage: demo_page.py URL SCREENSHOT ROLLCALL

ROLLCALL is the program. If ROLLCALL_TOKEN_SECRET is set, it is that of the node, and the steps are those with tokens.
Prints one line a step. A step that fails ends the run with exit code 1, the lists of all tabs and a screenshot.
"""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import expect, sync_playwright

url, screenshot, rollcall = sys.argv[1:]
chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
patience = int(os.environ.get("ROLLCALL_TEST_PATIENCE", 1))
expect.set_options(timeout=60_000)


def main():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = browser.new_context(viewport={"width": 900, "height": 820})
        try:
            if "ROLLCALL_TOKEN_SECRET" in os.environ:
                missing_token(context)
                token_in_the_address(context)
                end_of_the_token(context)
            else:
                three_tabs(context)
                reload_is_no_leave(context)
                copied_session_is_not_shared(context)
                back_and_forward(context)
                strange_names(context)
                form(context)
                refusal(context)
        except BaseException:
            for index, tab in enumerate(context.pages):
                print(f"tab {index}: {tab.url}: {names(tab)}: {tab.locator('#state').inner_text()}", flush=True)
            if context.pages:
                context.pages[0].screenshot(path=screenshot, full_page=True)
                print(f"screenshot: {screenshot}", flush=True)
            raise
        browser.close()


def three_tabs(context):
    alice, other_alice, bob = (open_tab(context, f"/?name={name}") for name in ("Alice", "Alice", "Bob"))
    for tab in (alice, other_alice, bob):
        expect_names(tab, "Alice (count: 2)", "Bob (count: 1)")
        expect(tab.locator("#state")).to_have_text("live")
    expect(bob.get_by_role("listitem").filter(has_text="Alice")).to_contain_text("Gardener")
    # What a screen reader gets: a list with its name, and news in a polite log.
    assert bob.get_by_role("list", name="Present").get_by_role("listitem").count() == 2
    alice.bring_to_front()
    alice.screenshot(path=screenshot, full_page=True)
    print("three tabs: Alice (count: 2), Bob (count: 1) in each", flush=True)

    other_alice.close()
    for tab in (alice, bob):
        expect_names(tab, "Alice (count: 1)", "Bob (count: 1)")
    print("one Alice closed: Alice (count: 1)", flush=True)

    alice.close()
    expect_names(bob, "Bob (count: 1)")
    expect(bob.get_by_role("log")).to_contain_text("Alice closed the last tab")
    print("both closed: Alice is gone", flush=True)
    bob.close()


def reload_is_no_leave(context):
    # The page asks for a grace of 1 s, which a reload on a busy machine may outlast.
    context.route("**/events?*", lambda route: route.continue_(url=route.request.url.replace("grace=1", "grace=8")))
    alice, bob = open_tab(context, "/?name=Alice&topic=reload"), open_tab(context, "/?name=Bob&topic=reload")
    expect_names(bob, "Alice (count: 1)", "Bob (count: 1)")
    news = watch_for_change(bob)
    for _ in range(3):
        alice.reload()
        expect_names(alice, "Alice (count: 1)", "Bob (count: 1)")
    # Longer than the grace and a sweep: a leave would have come.
    bob.wait_for_timeout(10_500)
    assert news() == 0, f"{news()} changes of the list while Alice reloaded"
    print("three reloads: no leave, no join", flush=True)
    context.unroute("**/events?*")
    close(alice, bob)


def copied_session_is_not_shared(context):
    """A duplicated tab starts with a copy of sessionStorage, as window.open of the same page does."""
    alice = open_tab(context, "/?name=Alice&topic=copies")
    expect_names(alice, "Alice (count: 1)")
    with context.expect_page() as opened:
        alice.evaluate("open(location.href)")
    copy = opened.value
    for tab in (alice, copy):
        expect_names(tab, "Alice (count: 2)")
    print("a duplicated tab: a presence of its own", flush=True)
    close(copy, alice)


def back_and_forward(context):
    alice, bob = open_tab(context, "/?name=Alice&topic=back"), open_tab(context, "/?name=Bob&topic=back")
    expect_names(bob, "Alice (count: 1)", "Bob (count: 1)")
    alice.goto(url + "/healthz")
    expect_names(bob, "Bob (count: 1)")
    alice.go_back()
    for tab in (alice, bob):
        expect_names(tab, "Alice (count: 1)", "Bob (count: 1)")
    print("away and back: left and joined", flush=True)
    close(alice, bob)


def strange_names(context):
    tab = open_tab(context, "/?name=__proto__&topic=a%2Fb%20%C3%BC'%25")
    expect_names(tab, "__proto__ (count: 1)")
    line = tab.locator("#watch").inner_text()
    assert line == f"curl -N {url}/v1/topics/a%2Fb%20%C3%BC%27%25/events", line
    markup = open_tab(context, "/?name=%3Cimg%20src%3Dx%3E&topic=a%2Fb%20%C3%BC'%25")
    expect_names(markup, "__proto__ (count: 1)", "<img src=x> (count: 1)")
    print("strange names: shown as they are", flush=True)
    close(tab, markup)


def form(context):
    """By keyboard alone: the first stop is the name, Enter joins."""
    tab = open_tab(context, "/")
    tab.keyboard.press("Tab")
    tab.keyboard.type("Carol")
    tab.keyboard.press("Enter")
    expect_names(tab, "Carol (count: 1)")
    assert tab.get_by_role("region", name="Join in").count() == 0
    print("the form: joined by keyboard", flush=True)
    close(tab)


def refusal(context):
    tab = open_tab(context, "/?name=" + "x" * 257)
    expect(tab.locator("#state")).to_contain_text("refused")
    print("a name that is too long: " + tab.locator("#state").inner_text(), flush=True)
    close(tab)


def missing_token(context):
    tab = open_tab(context, "/")
    expect(tab.get_by_role("region", name="A token for this page")).to_contain_text("rollcall token")
    expect(tab.locator("#state")).to_contain_text("refused")
    assert tab.get_by_role("region", name="Join in").count() == 0
    print("no token: " + tab.locator("#state").inner_text(), flush=True)
    close(tab)


def token_in_the_address(context):
    token = make_token("Zoë")
    tab = open_tab(context, "/?name=Bob#token=" + token)
    expect_names(tab, "Zoë (count: 1)")
    expect(tab.locator("#roster .you")).to_have_count(1)
    expect(tab.locator("#state")).to_have_text("live")
    assert tab.evaluate("location.hash") == "" and token not in tab.content()
    assert tab.get_by_role("region", name="Join in").count() == 0
    print("a token: present under its sub, and not in the address", flush=True)
    close(tab)


def end_of_the_token(context):
    tab = open_tab(context, "/#token=" + make_token("alice", "--lifetime", str(10 * patience)))
    expect(tab.locator("#state")).to_contain_text("live until the token ends at")
    expect(tab.locator("#state")).to_contain_text("the token has ended")
    expect(tab.get_by_role("region", name="A token for this page")).to_contain_text("rollcall token")
    requests = []
    tab.on("request", lambda request: requests.append(request.url))
    # A reconnection would come within a second.
    tab.wait_for_timeout(3_000)
    assert requests == [], requests
    tab.evaluate("token => { location.hash = 'token=' + token }", make_token("alice"))
    expect(tab.locator("#state")).to_have_text("live")
    expect_names(tab, "alice (count: 1)")
    assert tab.evaluate("location.hash") == ""
    print("the end of the token: no reconnection, until the address has a new one", flush=True)
    close(tab)


def make_token(key, *options):
    made = subprocess.run([rollcall, "token", key, *options], check=True, stdout=subprocess.PIPE, text=True)
    return made.stdout.strip()


def open_tab(context, path):
    tab = context.new_page()
    tab.on("pageerror", lambda error: fail(f"{path}: {error}"))
    tab.goto(url + path)
    return tab


def fail(message):
    print(message, flush=True)
    os._exit(1)


def names(tab):
    return tab.locator("#roster .name").all_inner_texts()


def expect_names(tab, *expected):
    expect(tab.locator("#roster .name")).to_have_text(list(expected))


def watch_for_change(tab):
    """Counts the changes of the list from now on."""
    tab.evaluate(
        """() => {
            window.changes = 0
            new MutationObserver(records => { window.changes += records.length })
                .observe(document.getElementById('roster'), { childList: true, subtree: true, characterData: true })
        }"""
    )
    return lambda: tab.evaluate("window.changes")


def close(*tabs):
    for tab in tabs:
        tab.close()


main()
