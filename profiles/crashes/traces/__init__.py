"""Stack traces as SDKs report them, read into frames: one short module a language, all of one shape.

Pure. `reading.read_trace` finds the language and reads; what is the same crash is decided in `fingerprint`.
"""
