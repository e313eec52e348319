"""The project's secrets: who can open them, and what seals them."""
