"""Gathers the models of every subject for Django's app registry; nothing is defined here."""

from profiles.access.models import ApiKey, App, AppErasure, AppTotals, AuditEntry, Membership, UidCounter
from profiles.activity.models import (
    AppDay,
    DailyActivity,
    Event,
    EventKey,
    Session,
    SessionSignal,
    Stale,
)
from profiles.crashes.models import (
    AppCrashDay,
    Crash,
    CrashComment,
    CrashDay,
    CrashedSession,
    CrashGroup,
    CrashUser,
    CrashVersion,
)
from profiles.engagement.models import Engagement, EngagementDistribution
from profiles.funnels.models import Funnel, FunnelCompletion, FunnelReport, FunnelStep
from profiles.privacy.models import Erasure, Tombstone
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
    "AppCrashDay",
    "AppDay",
    "AppErasure",
    "AppTotals",
    "AppUser",
    "AuditEntry",
    "ConsentChange",
    "Crash",
    "CrashComment",
    "CrashDay",
    "CrashGroup",
    "CrashUser",
    "CrashVersion",
    "CrashedSession",
    "DailyActivity",
    "DeviceModel",
    "DeviceToken",
    "Engagement",
    "EngagementDistribution",
    "Erasure",
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
    "Tombstone",
    "UidCounter",
    "UserActivity",
]
