"""Gathers the admin of every subject for Django's autodiscovery; nothing is defined here."""

import profiles.access.admin
import profiles.crashes.admin
import profiles.funnels.admin
import profiles.messages.admin  # noqa: F401
