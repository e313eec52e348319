"""A shell on a machine, or for a folder that stands for one."""
