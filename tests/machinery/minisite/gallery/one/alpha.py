"""
Alpha?
======

Uses the helper.
"""

# %%
# Twice two.

from minihelp.used import double

four = double(2)
print(f"{four = }, {four / 3:.4f}")
assert four == 4
