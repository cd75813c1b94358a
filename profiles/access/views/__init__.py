"""Pages about access: the way in, apps and their settings, people, the audit log."""
