"""The simulation of a project: its machines brought up, booted, checked, saved and cleaned."""
