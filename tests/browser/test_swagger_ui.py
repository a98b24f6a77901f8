"""The documentation's page in a real browser, against a real server, without any network.

Run with ``pytest -m browser``. A browser that is missing is a failure.
"""

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from webtest.http import StopableWSGIServer

from widget_service.testing import PASSWORD, Client, application, ini_text

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--window-size=1280,1080",
    # These keep Chromium from asking hosts of its own.
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 30  # seconds; nothing waits for their end when all is well
WIDGET = {"name": "first", "info_url": "https://example.com/", "deadline": "12/31/2099"}


class Page:
    """What somebody does with the page."""

    def __init__(self, driver):
        self.driver = driver
        self.wait = WebDriverWait(driver, PATIENCE)

    def find(self, selector, within=None):
        """The element, as soon as it is visible."""

        def visible(_driver):
            found = (within or self.driver).find_elements(By.CSS_SELECTOR, selector)
            return next((element for element in found if element.is_displayed()), None)

        return self.wait.until(visible, selector)

    def click(self, selector, within=None):
        element = self.find(selector, within)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def fill(self, block, fields):
        """Type into the text boxes of a form."""
        for name, text in fields.items():
            box = self.find(f"[data-property-name={name}] input", block)
            # clear() would not tell React.
            box.send_keys(Keys.CONTROL, "a")
            box.send_keys(text)

    def open(self, tag, operation):
        """The block of an operation, ready to try it out."""
        selector = f"#operations-{tag}-{operation}"
        self.click(f"{selector} .opblock-summary-control")
        block = self.find(selector)
        self.click(".try-out__btn", block)
        return block

    def execute(self, block):
        """Send the request; its curl command, and the answer's status and body."""
        # Without the answer of the last time, there is no mistaking it for the new one.
        for button in block.find_elements(By.CSS_SELECTOR, ".btn-clear"):
            button.click()
        self.click(".btn.execute", block)
        answer = self.find(".live-responses-table tbody", block)
        status = self.find(".response-col_status", answer).text
        body = self.find(".highlight-code pre", answer).text
        return self.find(".curl", block).text, int(status.split()[0]), json.loads(body)

    def authorize(self, token):
        """Enter the bare token, instead of the one before."""
        self.click(".scheme-container .btn.authorize")
        dialog = self.find(".dialog-ux")
        # By what the buttons say, as one that logs out looks like one that does not.
        if "Logout" in dialog.text:
            self.click("button[aria-label='Remove authorization']", dialog)
        self.find("input", dialog).send_keys(token)
        self.click("button[aria-label='Apply credentials']", dialog)
        self.click(".btn-done", dialog)


def program(name):
    """The path of a program; the variable of its name, in capitals, says another one."""
    found = os.environ.get(name.upper()) or shutil.which(name)
    assert found, f"{name} is not installed; on Debian: apt-get install chromium chromium-driver"
    return found


@pytest.fixture
def driver(tmp_path):
    options = webdriver.ChromeOptions()
    # Both paths are given, as Selenium downloads what it does not find.
    options.binary_location = program("chromium")
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(program("chromedriver")))
    yield driver
    driver.quit()


@pytest.fixture
def server(tmp_path):
    app = application(ini_text(f"sqlite:///{tmp_path / 'test.sqlite'}"), tmp_path)
    server = StopableWSGIServer.create(app)
    yield server
    server.shutdown()
    app.registry.database.close()


@pytest.fixture
def artefacts(pytestconfig):
    """Where screenshots go."""
    folder = Path(os.environ.get("ARTEFACTS") or pytestconfig.rootpath / "artefacts")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def requested(driver):
    """The URLs that the browser asked for over a network; it has pages of its own, too."""
    events = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if url.startswith(("http:", "https:", "ws:", "wss:"))]


def complaints(driver):
    """What the browser's console says is wrong: violated policies, failed requests, errors."""
    entries = driver.get_log("browser")
    return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]


def test_it_lets_people_register_authorize_and_try_everything(driver, server, artefacts):
    origin = server.application_url.rstrip("/")
    page = Page(driver)
    driver.get(f"{origin}/api/v1/ui")

    register = page.open("auth", "post_auth_register")
    page.fill(register, {"email": "user@example.com", "password": PASSWORD})
    driver.execute_script("scrollTo(0, 0)")
    driver.save_screenshot(str(artefacts / "swagger-ui.png"))
    _, status, answer = page.execute(register)
    assert (status, answer["token_type"]) == (201, "bearer")
    token = answer["access_token"]

    page.authorize(token)
    listing = page.open("widgets", "get_widgets")
    curl, status, answer = page.execute(listing)
    assert (status, answer["total_items"]) == (200, 0)
    assert f"Authorization: Bearer {token}" in curl

    creation = page.open("widgets", "post_widgets")
    page.fill(creation, WIDGET)
    _, status, answer = page.execute(creation)
    assert (status, answer) == (403, {"message": "You are not an administrator"})

    admin = Client(server.test_app).sign_up("admin@example.com", admin=True)
    page.authorize(admin.account.token)
    _, status, answer = page.execute(creation)
    assert (status, answer["message"]) == (201, "New widget added: first.")
    driver.save_screenshot(str(artefacts / "swagger-ui-created.png"))

    assert [re.sub(r".* - ", "", text) for text in complaints(driver)] == [
        "Failed to load resource: the server responded with a status of 403 (Forbidden)"
    ]
    urls = requested(driver)
    assert [url for url in urls if not url.startswith(f"{origin}/")] == []
    assert f"{origin}/api/v1/openapi.json" in urls
