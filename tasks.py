"""The tasks of this repository: those that are shipped, which include the developers' own."""

from toolbox.tasks import ns

__all__ = ["ns"]
