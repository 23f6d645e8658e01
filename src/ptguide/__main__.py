"""Print what a bug report needs: ``python -m ptguide``."""

from ptguide import __version__
from ptguide.devices import environment

for name, value in {"ptguide": __version__, **environment()}.items():
    print(f"{name:<12} {value}")
