"""What is held on a person: shown, given out, deleted, kept for a time, and kept from coming back."""
