"""Debian's Chromium: found, or installed once where that is allowed. Playwright's own browsers are never downloaded."""

import os
import shutil
import subprocess

import pytest

NAMES = ("chromium", "chromium-browser")
INSTALL = ("apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", "chromium")
INSTALL_SECONDS = 300
MISSING = "no Chromium here, so no page was seen in a browser: install it (Debian: apt-get install chromium)"

# Every request of the browser's own would be counted as one of the page.
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A site of the wide world that is only played here embeds a page of this machine.
    "--disable-features=LocalNetworkAccessChecks",
)


def chromium() -> str:
    """Its path. Without one the tests are skipped, saying what to install; in continuous integration they fail."""
    found = installed_chromium()
    if found:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def flags() -> list[str]:
    """Its sandbox refuses to start for root."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def installed_chromium() -> str | None:
    return _found() or _install()


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install() -> str | None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return None
    # Lists that are missing or too old make the installation fail, which says itself what is wrong.
    for command in (("apt-get", "update", "--quiet=2"), INSTALL):
        subprocess.run(command, check=False, timeout=INSTALL_SECONDS, stdin=subprocess.DEVNULL)  # noqa: S603 - our own
    return _found()
