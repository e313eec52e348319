"""Simulated machines: images, acceleration, libvirt domains, consoles."""
