"""A partner's website on another site, to look at the embedded booking as a partner's visitor does."""
