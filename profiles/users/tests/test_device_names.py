"""Raw device models get the names that people know, in the background, once each."""

from datetime import UTC, datetime
from unittest import mock

import pytest

from profiles.tests.factories import make_app, make_user
from profiles.users import device_models
from profiles.users.device_names import find_names
from profiles.users.models import AppUser, DeviceModel

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.slow
def test_it_knows_android_and_apple_models_and_leaves_out_what_it_does_not_know() -> None:
    names = find_names({"SM-S921B", "iPhone17,1", "no such \n model\x01", "<script>"})
    assert names == {"SM-S921B": "Samsung Galaxy S24", "iPhone17,1": "iPhone 16 Pro"}


@pytest.mark.django_db
class TestLookUp:
    def test_profiles_are_told(self) -> None:
        app = make_app()
        galaxy = make_user(app, "a", device="SM-S921B")
        other = make_user(app, "b", device="unheard of")
        assert device_models.device_names_of({"SM-S921B", "unheard of"}) == {}
        with mock.patch.object(device_models, "find_names", return_value={"SM-S921B": "Samsung Galaxy S24"}):
            assert device_models.look_up_device_names(NOW) == 2
        assert AppUser.objects.get(id=galaxy.id).device_label == "Samsung Galaxy S24"
        assert AppUser.objects.get(id=other.id).device_label == "unheard of"
        assert device_models.device_names_of({"SM-S921B"}) == {"SM-S921B": "Samsung Galaxy S24"}

    def test_a_model_is_asked_for_once(self) -> None:
        device_models.device_names_of({"unheard of"})
        with mock.patch.object(device_models, "find_names", return_value={}):
            assert device_models.look_up_device_names(NOW) == 1
            device_models.device_names_of({"unheard of"})
            assert device_models.look_up_device_names(NOW) == 0
        assert DeviceModel.objects.get().name is None
