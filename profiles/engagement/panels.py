"""The chart that engagement brings to the user list."""

from profiles.directory.panels import Panel, register

register(Panel("engagement", "Engagement of all users", "engagement:distribution"))
