"""What holds for all reference models: their settings are frozen and explained, and the import is light."""

import dataclasses
import inspect
import re
import subprocess
import sys

import pytest

from ptguide import models

SETTINGS = [name for name in models.__all__ if name.endswith("Settings")]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_explained(name):
    settings = getattr(models, name)
    explained = re.findall(r"^(\w+) : .+\n    \S", inspect.getdoc(settings), flags=re.MULTILINE)
    assert explained == [field.name for field in dataclasses.fields(settings)]
    assert settings.__dataclass_params__.frozen


def test_import_loads_only_torch():
    code = "import sys, ptguide.models; print({'torchvision', 'matplotlib', 'sklearn'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"
