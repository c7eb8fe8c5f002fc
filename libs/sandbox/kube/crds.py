"""Where the CustomResourceDefinition of ComputeInstances is, and how one is read."""

from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[3] / "deploy" / "crd" / "computeinstances.yaml"
WHEEL = Path(__file__).parents[1] / "computeinstances.yaml"


def crd_path() -> Path:
    """The CRD of this checkout, or else the copy that the wheel carries."""
    return CHECKOUT if CHECKOUT.exists() else WHEEL


def read_manifests(path: Path) -> list[dict[str, Any]]:
    """Every object in a YAML file; it may hold several documents."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]
