"""The wire: one raw SDK request in, one typed and clean `SdkRequest` out.

Pure: no Django, no database, no clock of its own.
"""
