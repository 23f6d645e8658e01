"""Print what a bug report needs: ``python -m ptguide``."""

from ptguide.devices import environment

found = environment()
width = max(map(len, found))
for name, value in found.items():
    print(f"{name:<{width}}  {value}")
