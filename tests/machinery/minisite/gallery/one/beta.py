"""
Beta?
=====

Uses no helper.
"""

# %%
# Three.

three = 3
assert three == 1 + 2
print("three")

# %%
# Its value is shown.

three
