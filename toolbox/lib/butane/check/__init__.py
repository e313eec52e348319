"""Checks of what a config puts on the machine, by the programs that will read it there."""
