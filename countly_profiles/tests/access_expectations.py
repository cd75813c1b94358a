"""Who may open which address: the whole product's, one line each. `test_access_matrix` asks every one as everybody.

An address that is not here fails the test, and says which line to write. Roles include the higher ones.
"""

from enum import StrEnum


class Opens(StrEnum):
    """Whom an address answers."""

    ANYBODY = "anybody"  # also who is not signed in: sign-in itself, health, SDKs
    SIGNED_IN = "signed_in"  # whoever has an account; shows nothing of any app
    VIEWER = "viewer"
    ANALYST = "analyst"
    ADMIN = "admin"
    SUPERUSER = "superuser"
    API_KEY = "api_key"  # a key alone opens it; whose, `profiles/api/tests/test_access.py` asks
    ADMINISTRATION = "administration"  # Django admin: staff


APP = "apps/<public_id>/"

EXPECTED: dict[str, Opens] = {
    # Doors that are open
    r"^(?:(?!apps/|admin/|static/).+/)?i/?$": Opens.ANYBODY,
    r"^(?:(?!apps/|admin/|static/).+/)?i/bulk/?$": Opens.ANYBODY,
    r"^(?:(?!apps/|admin/|static/).+/)?i/feedback/inputs?/?$": Opens.ANYBODY,
    r"^(?:(?!apps/|admin/|static/).+/)?(?:o/sdk(?:/content)?|i/sdk)/?$": Opens.ANYBODY,
    r"^(?:(?!apps/|admin/|static/).+/)?o/ping/?$": Opens.ANYBODY,
    r"^(?:(?!apps/|admin/|static/).+/)?feedback(?:/(?:nps|survey|rating))?/?$": Opens.ANYBODY,
    r"^(?:(?!apps/|admin/|static/).+/)?o/(?:feedback|surveys/(?:nps|survey|rating))/widget/?$": Opens.ANYBODY,
    r"^(?:(?!apps/|admin/|static/).+/)?o/feedback/multiple-widgets-by-id/?$": Opens.ANYBODY,
    r"^[io]/": Opens.ANYBODY,
    "__heartbeat__": Opens.ANYBODY,
    "__lbheartbeat__": Opens.ANYBODY,
    "__version__": Opens.ANYBODY,
    "metrics": Opens.ANYBODY,
    "login/": Opens.ANYBODY,
    "login/code/": Opens.ANYBODY,
    "invitations/<token>/": Opens.ANYBODY,
    "openid/<provider_id>/": Opens.ANYBODY,
    "openid/<provider_id>/callback/": Opens.ANYBODY,
    "openid/cancelled/": Opens.ANYBODY,
    "logout/": Opens.ANYBODY,
    "theme/": Opens.ANYBODY,
    # Programs: with a key alone, whatever cookie they bring
    "o/docs": Opens.SIGNED_IN,
    "o/docs/openapi.json": Opens.ANYBODY,
    r"^o/?$": Opens.API_KEY,
    r"^o/plugins/?$": Opens.API_KEY,
    r"^o/apps/mine/?$": Opens.API_KEY,
    r"^o/apps/all/?$": Opens.API_KEY,
    r"^o/users/me/?$": Opens.API_KEY,
    r"^i/apps/create/?$": Opens.API_KEY,
    r"^i/apps/update/?$": Opens.API_KEY,
    r"^i/apps/reset/?$": Opens.API_KEY,
    r"^i/apps/delete/?$": Opens.API_KEY,
    r"^o/app_users/loyalty/?$": Opens.API_KEY,
    r"^o/app_users/consents/?$": Opens.API_KEY,
    r"^i/app_users/create/?$": Opens.API_KEY,
    r"^i/app_users/update/?$": Opens.API_KEY,
    r"^i/app_users/delete/?$": Opens.API_KEY,
    r"^i/app_users/export/?$": Opens.API_KEY,
    r"^i/app_users/deleteExport/(?P<in_path>[^/]+)/?$": Opens.API_KEY,
    r"^o/app_users/download/(?P<in_path>[^/]+)/?$": Opens.API_KEY,
    r"^i/funnels/add/?$": Opens.API_KEY,
    r"^i/funnels/edit/?$": Opens.API_KEY,
    r"^i/funnels/delete/?$": Opens.API_KEY,
    r"^i/crashes/resolve/?$": Opens.API_KEY,
    r"^i/crashes/unresolve/?$": Opens.API_KEY,
    r"^i/crashes/hide/?$": Opens.API_KEY,
    r"^i/crashes/show/?$": Opens.API_KEY,
    r"^i/crashes/add_comment/?$": Opens.API_KEY,
    r"^i/crashes/edit_comment/?$": Opens.API_KEY,
    r"^i/crashes/delete_comment/?$": Opens.API_KEY,
    r"^i/push/message/create/?$": Opens.API_KEY,
    r"^o/push/message/all/?$": Opens.API_KEY,
    r"^o/push/message/(?P<in_path>[^/]+)/?$": Opens.API_KEY,
    r"^o/push/user/?$": Opens.API_KEY,
    # People
    "": Opens.SIGNED_IN,
    "password/": Opens.SIGNED_IN,
    "account/": Opens.SIGNED_IN,
    "account/two-factor/": Opens.SIGNED_IN,
    "account/keys/": Opens.SIGNED_IN,
    "account/keys/<int:key_id>/revoke/": Opens.SIGNED_IN,
    "erasures/": Opens.SIGNED_IN,
    "inbox/": Opens.SUPERUSER,
    "inbox/apply-again/": Opens.SUPERUSER,
    "audit/": Opens.SUPERUSER,
    "apps/new/": Opens.SUPERUSER,
    # Programs
    "crash-symbols/": Opens.API_KEY,
    # An app
    APP + "freshness/": Opens.VIEWER,
    APP + "pictures/<name>": Opens.VIEWER,
    APP + "light/": Opens.VIEWER,
    APP + "engagement/": Opens.VIEWER,
    APP + "settings/": Opens.ADMIN,
    APP + "settings/icon/": Opens.ADMIN,
    APP + "settings/state/": Opens.ADMIN,
    APP + "settings/sdk/": Opens.ADMIN,
    APP + "settings/sdk/key/": Opens.ADMIN,
    APP + "settings/sdk/old-key/": Opens.ADMIN,
    APP + "settings/sdk/salt/": Opens.ADMIN,
    APP + "settings/members/": Opens.ADMIN,
    APP + "settings/members/<int:member_id>/": Opens.ADMIN,
    APP + "settings/invitations/<int:invitation_id>/": Opens.ADMIN,
    APP + "settings/masking/": Opens.ADMIN,
    APP + "users/<uid>/reveal/": Opens.VIEWER,
    APP + "settings/audit/": Opens.ADMIN,
    APP + "users/": Opens.VIEWER,
    APP + "users/<uid>/": Opens.VIEWER,
    APP + "users/<uid>/<slug:name>/": Opens.VIEWER,
    APP + "users/<uid>/stream/": Opens.VIEWER,
    APP + "users/<uid>/news/": Opens.VIEWER,
    APP + "users/<uid>/merge/": Opens.ADMIN,
    APP + "users/<uid>/notes/": Opens.VIEWER,
    APP + "users/<uid>/notes/write/": Opens.ANALYST,
    APP + "users/<uid>/notes/<int:note_id>/": Opens.ANALYST,
    APP + "users/<uid>/merges/<merge_id>/undo/": Opens.ADMIN,
    APP + "users/<uid>/export/": Opens.ADMIN,
    APP + "users/<uid>/neighbours/": Opens.VIEWER,
    APP + "list/": Opens.VIEWER,
    APP + "list/orders/": Opens.ANALYST,
    APP + "list/filter/": Opens.VIEWER,
    APP + "list/columns/": Opens.VIEWER,
    APP + "list/breakdown/": Opens.VIEWER,
    APP + "list/views/": Opens.VIEWER,
    APP + "list/views/save/": Opens.VIEWER,
    APP + "list/views/<int:view_id>/": Opens.VIEWER,
    APP + "list/export/": Opens.ANALYST,
    APP + "list/export/download/": Opens.ANALYST,
    APP + "list/export/progress/": Opens.ANALYST,
    APP + "^users/(?P<uid>[^/]+)/(?P<direction>previous|next)/$": Opens.VIEWER,
    APP + "list/hide/": Opens.ANALYST,
    APP + "settings/hiding/": Opens.ADMIN,
    APP + "list/delete/": Opens.ADMIN,
    APP + "settings/erase/": Opens.ADMIN,
    APP + "settings/privacy/": Opens.ADMIN,
    APP + "settings/privacy/<int:erasure_id>/": Opens.ADMIN,
    APP + "crashes/": Opens.VIEWER,
    APP + "crashes/<group_id>/": Opens.VIEWER,
    APP + "crashes/alerts/": Opens.ADMIN,
    APP + "crashes/alerts/<int:channel_id>/": Opens.ADMIN,
    APP + "crashes/symbols/": Opens.VIEWER,
    APP + "crashes/symbols/<int:file_id>/delete/": Opens.ANALYST,
    APP + "crashes/<group_id>/state/": Opens.ANALYST,
    APP + "crashes/<group_id>/merge/": Opens.ANALYST,
    APP + "crashes/<group_id>/split/": Opens.ANALYST,
    APP + "crashes/<group_id>/comments/": Opens.ANALYST,
    APP + "crashes/<group_id>/comments/<int:comment_id>/": Opens.ANALYST,
    APP + "funnels/": Opens.VIEWER,
    APP + "funnels/new/": Opens.ANALYST,
    APP + "funnels/<funnel_id>/": Opens.VIEWER,
    APP + "funnels/<funnel_id>/edit/": Opens.ANALYST,
    APP + "funnels/<funnel_id>/duplicate/": Opens.ANALYST,
    APP + "funnels/<funnel_id>/move/": Opens.ANALYST,
    APP + "funnels/<funnel_id>/delete/": Opens.ANALYST,
    APP + "messages/": Opens.VIEWER,
    APP + "messages/new/": Opens.ANALYST,
    APP + "messages/preview/": Opens.ANALYST,
    APP + "messages/ladder/": Opens.ANALYST,
    APP + "messages/<message_id>/": Opens.VIEWER,
    APP + "messages/<message_id>/edit/": Opens.ANALYST,
    APP + "messages/<message_id>/act/": Opens.ANALYST,
    APP + "settings/push/": Opens.ADMIN,
}


def expected(route: str) -> Opens | None:
    """Return whom the address of this route answers; None: nobody has said."""
    if route in EXPECTED:
        return EXPECTED[route]
    if route.startswith("admin/"):
        return Opens.ADMINISTRATION
    return None
