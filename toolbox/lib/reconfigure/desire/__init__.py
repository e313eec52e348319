"""What a config wants of a machine that has booted, by the rules of Ignition."""
