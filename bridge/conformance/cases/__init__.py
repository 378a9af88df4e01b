"""Every case of the kit: importing this package imports each module in it, and each module registers its cases.

A new category is a new file here and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

for _module in sorted(module.name for module in iter_modules(__path__)):
    import_module(f"{__name__}.{_module}")
