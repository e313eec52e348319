"""Pulumi stacks: the only package that knows Pulumi."""
