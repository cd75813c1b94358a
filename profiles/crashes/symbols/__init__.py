"""Machine names of one build back into source: files that were uploaded, applied when a trace is shown."""
