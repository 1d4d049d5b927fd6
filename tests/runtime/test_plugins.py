"""Drivers by entry point, ours and a third party's; mistakes have a cause and a remedy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mini_node import SUPPORT, environment, install_driver

from gatectl.model import ConfigError, UsageError
from gatectl.model.node import DeviceConfig
from gatectl.runtime import plugins

FILE = "node.toml"


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    plugins.available.cache_clear()
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    plugins.available.cache_clear()


def device(driver: str = "mini", **config: object) -> DeviceConfig:
    return DeviceConfig(name="d", driver=driver, config=config)


def test_a_third_partys_driver_is_found_with_its_tags(third_party: Path) -> None:
    install_driver(third_party)
    assert [tag.name for tag in plugins.device_tags(FILE, device(file="x"))] == ["alive", "level", "valve"]


def test_the_same_distribution_seen_twice_is_no_conflict(
    third_party: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_driver(third_party)
    again = tmp_path_factory.mktemp("again")
    install_driver(again)
    monkeypatch.syspath_prepend(again)
    assert "mini" in plugins.available()


def test_two_distributions_with_one_name_are_refused(third_party: Path) -> None:
    install_driver(third_party)
    install_driver(third_party, distribution="otherdriver")
    with pytest.raises(UsageError, match=r"two drivers are called mini.*uninstall"):
        plugins.available()


def test_an_unknown_driver_names_the_known(third_party: Path) -> None:
    install_driver(third_party)
    with pytest.raises(UsageError, match=r"device\.d\.driver: there is no driver called nix.*mini"):
        plugins.device_tags(FILE, device("nix"))


def test_a_refused_config_is_a_finding(third_party: Path) -> None:
    install_driver(third_party)
    with pytest.raises(ConfigError, match=r"device\.d\.config.*colour"):
        plugins.device_tags(FILE, device(file="x", colour="red"))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere_at_all:Driver", "cannot be loaded: ModuleNotFoundError"),
        ("mini_driver:Missing", "cannot be loaded: AttributeError"),
        ("mini_driver:MiniConfig", "is not a driver: it lacks"),
    ],
)
def test_a_broken_driver_is_named_with_its_module(third_party: Path, target: str, message: str) -> None:
    install_driver(third_party)
    (third_party / "minidriver-1.0.dist-info" / "entry_points.txt").write_text(
        f"[gatectl.drivers]\nbroken = {target}\n"
    )
    with pytest.raises(UsageError, match=message):
        plugins.driver_class("broken")


def test_our_drivers_package_is_our_own() -> None:
    plugins.check_own_drivers()


def test_a_foreign_drivers_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "drivers").mkdir()
    (tmp_path / "drivers" / "__init__.py").write_text("")
    code = "from gatectl.runtime import plugins; plugins.check_own_drivers()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=environment(tmp_path),
        cwd=SUPPORT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "the package `drivers` is not the one of gatectl" in done.stderr
    assert "virtual environment of its own" in done.stderr
