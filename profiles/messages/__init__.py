"""Push messages: what is said, to whom, when; the deliveries, the providers, and what came back."""
