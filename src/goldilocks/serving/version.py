"""The version of the package, as the service reports it."""

from importlib.metadata import version

VERSION = version("goldilocks-lm")
