"""Draw the picture of docs/report.md: the page of the demonstration's portfolio, as Chromium shows it.

Needs Chromium, its driver and selenium: ``python docs/pictures/report.py``.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
import time
import warnings
from pathlib import Path

from selenium import webdriver

from ml4t.backtest.datasets import load_us_stocks
from ml4t.backtest.demo import predictions_portfolio

FOLDER = Path(__file__).parent
WIDTH, GAP = 1060, 24


def main() -> None:
    """Write the page, open it, and keep its top and a chosen trade."""
    from PIL import Image

    warnings.simplefilter("ignore")
    result = predictions_portfolio()
    benchmark = load_us_stocks("2014", "2018").pct_change().mean(axis=1)
    with tempfile.TemporaryDirectory() as folder:
        page = result.to_html(Path(folder) / "run.html", benchmark=benchmark)
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--hide-scrollbars"):
            options.add_argument(argument)
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        size = {"width": WIDTH, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(page.as_uri())
        time.sleep(1.0)
        parts = [
            _part(driver, 0, _box(driver, "drawdown")[0] - GAP, folder),
            _part(driver, *_box(driver, "chosen"), folder),
        ]
        driver.quit()
        pictures = [Image.open(part).convert("RGB") for part in parts]
        whole = Image.new("RGB", (WIDTH, sum(one.height for one in pictures) + GAP), "white")
        whole.paste(pictures[0], (0, 0))
        whole.paste(pictures[1], (0, pictures[0].height + GAP))
        whole.save(FOLDER / "report.png", optimize=True)


def _box(driver: webdriver.Chrome, name: str) -> tuple[float, float]:
    """Return top and height of an element, a little around it."""
    box = f"document.getElementById('{name}').getBoundingClientRect()"
    top, height = driver.execute_script(f"return [{box}.top, {box}.height]")
    return top - 8.0, height + 16.0


def _part(driver: webdriver.Chrome, top: float, height: float, folder: str) -> Path:
    clip = {"x": 0, "y": top, "width": WIDTH, "height": height, "scale": 1}
    asked = {"captureBeyondViewport": True, "clip": clip}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", asked)
    path = Path(folder) / f"{top:.0f}.png"
    path.write_bytes(base64.b64decode(shot["data"]))
    return path


if __name__ == "__main__":
    main()
