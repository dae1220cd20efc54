"""`/docs` in a browser without a network: it renders, asks no other host, and its examples run."""

import json
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.tools import find_tool

SOON_SECONDS = 30
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,1600",
    # The network is off: no name resolves but the server's own address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PAGE_FILES = {
    "/docs": "text/html; charset=utf-8",
    "/docs/swagger-ui.css": "text/css; charset=utf-8",
    "/docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "/docs/favicon.png": "image/png",
}


@pytest.mark.parametrize("path", PAGE_FILES)
def test_the_page_and_its_assets_come_from_the_server(client, path):
    response = client.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == PAGE_FILES[path]
    assert response.headers["x-request-id"]


@pytest.fixture
def browser(tmp_path):
    """Chromium with a profile of its own and a log of its requests."""
    options = webdriver.ChromeOptions()
    options.binary_location = find_tool("chromium")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(find_tool("chromedriver")))
    yield driver
    driver.quit()


@pytest.mark.needs("chromium")
@pytest.mark.needs("chromedriver")
def test_try_it_out_on_predict_answers_200_and_no_request_leaves(browser, server, iris):
    browser.get(f"{server.url}/docs")
    wait = WebDriverWait(browser, SOON_SECONDS)

    def click(selector):
        wait.until(lambda driver: driver.find_element(By.CSS_SELECTOR, f"{operation} {selector}")).click()

    operation = f"#{wait.until(_predict_operation)}"
    click(".opblock-summary-control")
    click(".try-out__btn")
    click(".execute")
    status = wait.until(
        lambda driver: driver.find_element(
            By.CSS_SELECTOR, f"{operation} .live-responses-table tbody .response-col_status"
        )
    )

    wait.until(lambda _: status.text.startswith("200"))
    answer = browser.find_element(By.CSS_SELECTOR, f"{operation} .live-responses-table .highlight-code").text
    assert '"prediction"' in answer
    hosts = {urlsplit(url).netloc for url in _requested(browser)}
    assert hosts == {f"127.0.0.1:{server.port}"}
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def _predict_operation(driver):
    """The id of the block of `POST /predict`, once the page has it."""
    for block in driver.find_elements(By.CSS_SELECTOR, ".opblock-post"):
        if block.find_element(By.CSS_SELECTOR, "[data-path]").get_attribute("data-path") == "/predict":
            return block.get_attribute("id")
    return None


def _requested(driver):
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [
        message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in urls if url.startswith(("http", "ws"))]
