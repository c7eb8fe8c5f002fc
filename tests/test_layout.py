"""Folders, wheel, console scripts and checks say the same about which services there are.

A service that is forgotten in one of them would run on the author's machine and nowhere else.
"""

import ast
import tomllib
import zipfile
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
SERVICES = sorted(folder for folder in (ROOT / "services").iterdir() if folder.is_dir())
SAME_FILES = {"__init__.py", "__main__.py", "handlers.py", "settings.py", "subscriptions.py"}

each_service = pytest.mark.parametrize("service", SERVICES, ids=lambda folder: folder.name)


def package_of(service: Path) -> str:
    return service.name.replace("-", "_")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """The wheel as it would be published, built without network."""
    builder = WheelBuilder(str(ROOT))
    (built,) = builder.build(directory=str(tmp_path_factory.mktemp("wheel")), versions=["standard"])
    with zipfile.ZipFile(built) as archive:
        yield archive


def test_there_are_services() -> None:
    assert {service.name for service in SERVICES} >= {"aap-poller", "status-writer", "watcher"}


@each_service
def test_a_service_holds_exactly_one_package_of_its_name(service: Path) -> None:
    packages = {found.parent.name for found in service.glob("*/__init__.py")}
    assert packages == {package_of(service)}


@each_service
def test_every_service_has_the_same_files(service: Path) -> None:
    there = {file.name for file in (service / package_of(service)).iterdir()}
    assert there >= SAME_FILES


@each_service
def test_a_service_says_first_what_it_hears_and_says(service: Path) -> None:
    said = ast.get_docstring(ast.parse((service / package_of(service) / "__init__.py").read_text())) or ""
    assert said
    first = said.split("\n\n")[0].lower()
    assert "hears" in first
    assert "says" in first


@each_service
def test_a_service_is_installed_checked_and_measured_like_the_others(
    service: Path, pyproject: dict[str, Any]
) -> None:
    folder, package = f"services/{service.name}", package_of(service)
    hatch = pyproject["tool"]["hatch"]["build"]
    assert folder in hatch["dev-mode-dirs"]
    assert f"{folder}/{package}" in hatch["targets"]["wheel"]["packages"]
    assert folder in pyproject["tool"]["mypy"]["mypy_path"]
    assert folder in pyproject["tool"]["ruff"]["src"]
    assert pyproject["project"]["scripts"][f"cloudkit-{service.name}"] == f"{package}.__main__:main"


def test_the_import_rules_know_every_service(pyproject: dict[str, Any]) -> None:
    packages = {package_of(service) for service in SERVICES}
    rules = pyproject["tool"]["importlinter"]
    contracts = {contract["name"]: contract for contract in rules["contracts"]}
    apart = contracts["Services never import each other: they talk over the bus"]
    real = contracts["What runs in production knows nothing of its stand-ins"]
    assert set(rules["root_packages"]) == packages | {"cloudkit", "sandbox"}
    assert set(apart["modules"]) == packages
    assert set(real["source_modules"]) >= packages


@each_service
def test_the_wheel_holds_the_service_and_its_command(service: Path, wheel: zipfile.ZipFile) -> None:
    package = package_of(service)
    assert f"{package}/__main__.py" in wheel.namelist()
    assert console_scripts(wheel)[f"cloudkit-{service.name}"] == f"{package}.__main__:main"


def test_the_wheel_holds_every_module_of_the_checkout_and_no_other(wheel: zipfile.ZipFile) -> None:
    roots = [ROOT / "libs", *SERVICES]
    ours = {str(file.relative_to(root)) for root in roots for file in root.rglob("*.py")}
    assert {name for name in wheel.namelist() if name.endswith(".py")} == ours


def test_the_wheel_carries_the_crd_for_the_sandbox(wheel: zipfile.ZipFile) -> None:
    crd = ROOT / "deploy" / "crd" / "computeinstances.yaml"
    assert wheel.read("sandbox/computeinstances.yaml") == crd.read_bytes()


def test_the_command_line_starts_where_the_wheel_says(wheel: zipfile.ZipFile) -> None:
    assert console_scripts(wheel)["cloudkit"] == "cloudkit.cli.__main__:main"


def console_scripts(wheel: zipfile.ZipFile) -> dict[str, str]:
    (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    entry_points = ConfigParser()
    entry_points.read_string(wheel.read(name).decode())
    return dict(entry_points["console_scripts"])
