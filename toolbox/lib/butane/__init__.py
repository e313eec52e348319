"""From templates that people write to the Ignition config of a machine."""
