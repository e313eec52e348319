"""Checks that every machine must pass, whatever its project."""
