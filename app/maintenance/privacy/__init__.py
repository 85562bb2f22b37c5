"""What a person may ask for: a copy of what we hold about them, and that we forget them, also after a restore."""
