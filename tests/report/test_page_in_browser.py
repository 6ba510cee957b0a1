"""The HTML page in a real browser: Debian's Chromium, headless, through its driver."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from alzbench.report.document import Column, Document, Form, Section, make_table
from alzbench.report.html import Picture, render_html
from alzbench.report.pages import Files
from alzbench.report.pages import write_explanation as write_pages
from alzbench.store import read_run
from alzbench.store.explanation import MethodInfo, read_explanation
from tests.helpers.explanations import make_check, make_images, write_explanation
from tests.helpers.runs import write_run

DRIVER, BROWSER = shutil.which("chromedriver"), shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (DRIVER and BROWSER), reason="chromium and chromedriver are not installed"),
]

EVIL = "<script>document.title='harmed'</script><img src=x onerror=\"document.title='harmed'\">"
ROWS = (("b", 10.0), ("a", 9.0), (EVIL, None), ("c", 100.0))


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    ):  # fmt: skip
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    yield browser
    browser.quit()


@pytest.fixture
def page(driver: Any, tmp_path: Path) -> Any:
    """A page with one table, opened."""
    records = [{"name": name, "value": value, "weak": name == "a"} for name, value in ROWS]
    columns = [Column("name", "name"), Column("value", f"number {EVIL}", Form())]
    table = make_table(f"table {EVIL}", columns, records, EVIL)
    sections = (Section(f"one {EVIL}", (EVIL,), (table,), (EVIL,)), Section("two"))
    pictures = [[], [Picture.of(Figure(figsize=(10, 3)), EVIL)]]
    path = tmp_path / "page.html"
    path.write_text(render_html(Document(f"T {EVIL}", EVIL, sections), pictures), encoding="utf-8")
    driver.get_log("browser"), driver.get_log("performance")
    driver.get(path.as_uri())
    return driver


def names(page: Any) -> list[str]:
    return [cell.text for cell in page.find_elements("css selector", "tbody th")]


def test_names_stay_text_and_nothing_goes_wrong_or_out(page: Any) -> None:
    assert page.title == f"T {EVIL}"
    assert page.find_element("css selector", ".warning").text == EVIL
    assert page.find_elements("css selector", "main img[src=x], main script") == []
    assert page.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in page.get_log("performance")]
    requests = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert {url.split(":")[0] for url in requests} <= {"file", "data"}
    assert sum(url.startswith("file:") for url in requests) == 1


def test_a_click_sorts_by_number_and_again_the_other_way(page: Any) -> None:
    button = page.find_elements("css selector", "thead button")[1]
    button.click()
    assert names(page) == ["a", "b", "c", EVIL]  # 9 before 10, and what is not defined last
    assert button.find_element("xpath", "..").get_attribute("aria-sort") == "ascending"
    button.click()
    assert names(page) == ["c", "b", "a", EVIL]
    page.find_elements("css selector", "thead button")[0].click()
    assert names(page) == [EVIL, "a", "b", "c"]
    assert button.find_element("xpath", "..").get_attribute("aria-sort") is None


def test_the_keyboard_sorts_too(page: Any) -> None:
    from selenium.webdriver.common.keys import Keys

    button = page.find_elements("css selector", "thead button")[1]
    page.execute_script("arguments[0].focus()", button)
    page.switch_to.active_element.send_keys(Keys.ENTER)
    assert names(page) == ["a", "b", "c", EVIL]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_colour_schemes(page: Any, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    for selector in ("body", ".warning", ".note", "tr.weak td"):
        assert contrast(page, selector) >= 4.5, selector  # WCAG 2.2, level AA
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_nothing_is_cut_off_at_the_width_of_a_phone(page: Any) -> None:
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") <= 360
        box = page.find_element("css selector", "figure .wide")  # a wide figure scrolls in its own box
        assert page.execute_script("return arguments[0].scrollWidth > arguments[0].clientWidth", box)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_figures_follow_the_colour_scheme_and_not_on_paper(page: Any) -> None:
    for scheme, media, adapted in (("dark", "screen", True), ("light", "screen", False), ("dark", "print", False)):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        image = page.find_element("css selector", "figure img")
        assert (image.value_of_css_property("filter") != "none") == adapted
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def contrast(page: Any, selector: str) -> float:
    """Return the contrast ratio of the first such element's text with what is behind it."""
    script = """
        const element = document.querySelector(arguments[0]);
        let behind = element;
        while (getComputedStyle(behind).backgroundColor === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
        return [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
    """
    light, dark = sorted((luminance(colour) for colour in page.execute_script(script, selector)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour as the browser writes it, by WCAG 2.2."""
    numbers = [
        float(part) / 255 for part in colour.removeprefix("rgba(").removeprefix("rgb(").rstrip(")").split(",")[:3]
    ]
    red, green, blue = (n / 12.92 if n <= 0.04045 else ((n + 0.055) / 1.055) ** 2.4 for n in numbers)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.fixture
def maps_page(driver: Any, tmp_path: Path) -> Any:
    """The page of an explained run whose names do harm, opened."""
    path = write_run(tmp_path, 0.5, (0.5, 0.5), ("A", EVIL))
    images = make_images(("A", EVIL)).assign(subject=EVIL)
    checks = [make_check("m", verdict="failed", sentence=EVIL), make_check("m", "deletion", label=EVIL)]
    write_explanation(path, images, methods={"m": MethodInfo(label=EVIL)}, checks=checks)
    explanation = read_explanation(path)
    assert explanation is not None
    write_pages([(read_run(path), explanation)], Files(html=tmp_path / "page.html"))
    driver.get_log("browser"), driver.get_log("performance")
    driver.get((tmp_path / "page.html").as_uri())
    return driver


def test_the_page_of_maps_has_no_errors_and_stays_inert(maps_page: Any) -> None:
    assert "harmed" not in maps_page.title
    assert maps_page.find_elements("css selector", "main img[src=x], main script") == []
    assert maps_page.get_log("browser") == []
    script = "return [...document.images].every(image => image.complete && image.naturalWidth > 100)"
    assert maps_page.execute_script(script)
    assert len(maps_page.find_elements("css selector", "figure.images")) >= 4


def test_colours_of_images_are_never_inverted(maps_page: Any) -> None:
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    maps_page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    filters = {
        kind: maps_page.find_element("css selector", f"{kind} img").value_of_css_property("filter")
        for kind in ("figure.images", "figure:not(.images)")
    }
    maps_page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert filters["figure.images"] == "none" != filters["figure:not(.images)"]


def test_the_page_of_maps_fits_a_phone(maps_page: Any) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    maps_page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert maps_page.execute_script("return document.documentElement.scrollWidth") <= 390
    finally:
        maps_page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
