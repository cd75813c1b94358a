"""Countly's documented HTTP API for profiles, onto the same querysets and services that the pages use."""
