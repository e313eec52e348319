"""Carrying out a plan: by a script of ours or by Salt, so that it can be interrupted."""
