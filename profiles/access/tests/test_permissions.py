import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from profiles.access.models import Membership
from profiles.access.permissions import Role, get_app_or_404, has_role, role_in, visible_apps
from profiles.tests.factories import People, make_people, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> People:
    return make_people()


def test_alice_owns_bob_reads_charlie_sees_nothing(people: People) -> None:
    app = people.app
    assert role_in(people.alice, app) == Role.ADMIN
    assert role_in(people.bob, app) == Role.VIEWER
    assert role_in(people.charlie, app) is None
    assert get_app_or_404(people.bob, app.public_id) == app
    with pytest.raises(Http404):
        get_app_or_404(people.charlie, app.public_id)
    with pytest.raises(Http404):
        get_app_or_404(AnonymousUser(), app.public_id)


def test_a_member_of_too_low_a_role_is_told_so(people: People) -> None:
    assert get_app_or_404(people.alice, people.app.public_id, Role.ADMIN) == people.app
    with pytest.raises(PermissionDenied):
        get_app_or_404(people.bob, people.app.public_id, Role.ANALYST)


def test_a_superuser_is_admin_everywhere(people: People) -> None:
    root = make_person("root", is_superuser=True)
    assert role_in(root, people.app) == Role.ADMIN
    assert visible_apps(root).count() == 2


def test_who_was_switched_off_sees_nothing(people: People) -> None:
    people.alice.is_active = False
    people.alice.save()
    assert role_in(people.alice, people.app) is None
    assert not visible_apps(people.alice).exists()


def test_roles_include_the_lower_ones() -> None:
    assert has_role(Role.ADMIN, Role.ANALYST)
    assert has_role(Role.ANALYST, Role.VIEWER)
    assert not has_role(Role.VIEWER, Role.ANALYST)
    assert not has_role(None, Role.VIEWER)
    assert {role for role in Role if has_role(role, Role.VIEWER)} == set(Membership.Role)
