"""Handing a config over to a real machine."""
