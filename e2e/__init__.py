"""The product as people use it: a real browser against the whole running stack."""
