"""Checks of running machines: pytest and testinfra, over the connections that are held."""
