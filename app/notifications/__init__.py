"""Messages to homeowners: what each says, and the rows that make it leave the house."""
