"""The fault kit: a real instance under load, killed and frozen in every way, then checked by content."""
