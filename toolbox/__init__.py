"""infra-toolbox: a git repository of Butane templates becomes running, checked machines."""

__version__ = "0.1.0"
