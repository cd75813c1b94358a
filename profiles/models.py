"""Gathers the models of every subject for Django's app registry; nothing is defined here."""

from profiles.access.models import ApiKey, App, AppErasure, AppTotals, AuditEntry, Membership, UidCounter
from profiles.activity.models import (
    DailyActivity,
    Event,
    EventKey,
    Session,
    SessionSignal,
    Stale,
)
from profiles.crashes.models import Crash, CrashDay, CrashGroup, CrashUser
from profiles.engagement.models import Engagement, EngagementDistribution
from profiles.funnels.models import Funnel, FunnelCompletion, FunnelReport, FunnelStep
from profiles.users.models import (
    AppUser,
    ConsentChange,
    DeviceModel,
    DeviceToken,
    Identity,
    Merge,
    PropertyChange,
    UserActivity,
)

__all__ = [
    "ApiKey",
    "App",
    "AppErasure",
    "AppTotals",
    "AppUser",
    "AuditEntry",
    "ConsentChange",
    "Crash",
    "CrashDay",
    "CrashGroup",
    "CrashUser",
    "DailyActivity",
    "DeviceModel",
    "DeviceToken",
    "Engagement",
    "EngagementDistribution",
    "Event",
    "EventKey",
    "Funnel",
    "FunnelCompletion",
    "FunnelReport",
    "FunnelStep",
    "Identity",
    "Membership",
    "Merge",
    "PropertyChange",
    "Session",
    "SessionSignal",
    "Stale",
    "UidCounter",
    "UserActivity",
]
