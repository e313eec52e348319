"""The engine that carries out a plan as Salt states, without a master."""
