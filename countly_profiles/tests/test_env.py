import pytest
from django.core.exceptions import ImproperlyConfigured

from countly_profiles import env


def test_an_empty_variable_counts_as_not_given() -> None:
    assert env.text("NAME", "default", environ={"NAME": " "}) == "default"
    assert env.number("NAME", 7, environ={"NAME": ""}) == 7
    assert env.flag("NAME", default=True, environ={}) is True


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("Yes", True), ("off", False), ("0", False)])
def test_a_flag_is_read(value: str, expected: bool) -> None:
    assert env.flag("DEMO", default=not expected, environ={"DEMO": value}) is expected


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (lambda environ: env.flag("NAME", default=True, environ=environ), "maybe"),
        (lambda environ: env.number("NAME", 1, environ=environ), "many"),
        (lambda environ: env.number("NAME", 1, minimum=1, environ=environ), "0"),
        (lambda environ: env.number("NAME", 1, maximum=65535, environ=environ), "65536"),
        (lambda environ: env.database("NAME", environ["NAME"]), "mysql://localhost/countly"),
        (lambda environ: env.database("NAME", environ["NAME"]), "postgresql://localhost"),
        (lambda environ: env.database("NAME", environ["NAME"]), "postgresql://localhost:many/countly"),
        (lambda environ: env.redis_url("NAME", environ["NAME"]), "http://localhost"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_variable(read: object, value: str) -> None:
    assert callable(read)
    with pytest.raises(ImproperlyConfigured, match="NAME"):
        read({"NAME": value})


def test_a_database_address_with_password_and_options() -> None:
    assert env.database("DATABASE_URL", "postgresql://ada:p%40ss@db.example:5433/count?sslmode=require") == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "count",
        "USER": "ada",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "5433",
        "OPTIONS": {"sslmode": "require"},
    }


def test_a_database_address_by_socket() -> None:
    found = env.database("DATABASE_URL", "postgresql:///countly?host=/run/postgresql&user=countly")
    assert (found["HOST"], found["USER"], found["PORT"], found["OPTIONS"]) == ("/run/postgresql", "countly", "", {})


def test_celery_spells_a_socket_in_its_own_way() -> None:
    assert env.redis_url("REDIS_URL", "redis+socket:///run/valkey.sock") == "unix:///run/valkey.sock"
    assert env.celery_broker_url("unix:///run/valkey.sock") == "redis+socket:///run/valkey.sock"
    assert env.celery_broker_url("redis://localhost:6379/1") == "redis://localhost:6379/1"
