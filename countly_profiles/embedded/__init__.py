"""PostgreSQL and Valkey from wheels (or of the system), started and stopped by ourselves."""
