import pytest
from django.db import connection


@pytest.mark.django_db
def test_it_speaks_turkish() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lower('ÇAĞŞÖ ЖЁЛТЫЙ'), current_setting('timezone')")
        assert cursor.fetchone() == ("çağşö жёлтый", "UTC")
