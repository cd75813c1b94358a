"""Facts of one report, and how they are spread over many."""

from typing import Any

import pytest

from profiles.crashes.facts import (
    SHOWN_VALUES,
    battery_of,
    count_text,
    custom_distributions,
    custom_of,
    distributions,
    facts_of,
)


def test_it_reads_the_styles_of_all_sdks() -> None:
    android = {"os": "Android", "os_version": "14", "ram_current": "1900", "ram_total": "7600", "is_online": "true"}
    ios = {"os": "iOS", "battery": 77, "is_rooted": 0, "is_online": 1, "disk_current": 40000, "disk_total": 128000}
    web = {"is_online": True, "in_background": False, "running_seconds": 3, "browser": "Chrome"}
    said = [{fact.label: fact.text for fact in facts_of(report)} for report in (android, ios, web)]
    assert said == [
        {"Platform": "Android 14", "Online": "Yes", "RAM in use": "1.9 GB of 7.4 GB (25%)"},
        {
            "Platform": "iOS",
            "Online": "Yes",
            "Battery": "77%",
            "Disk in use": "39.1 GB of 125.0 GB (31%)",
            "Rooted or jailbroken": "No",
        },
        {"Browser": "Chrome", "Running for": "3 s", "Online": "Yes", "In background": "No"},
    ]


@pytest.mark.parametrize(
    ("report", "level"),
    [
        ({"battery": "55.5"}, 55.5),
        ({"battery_current": 30, "battery_total": 60}, 50),
        ({"battery_current": 30, "battery_total": 0}, None),
        ({"battery": True}, None),
        ({"battery": "full"}, None),
        ({}, None),
    ],
)
def test_it_reads_the_battery(report: dict[str, Any], level: float | None) -> None:
    assert battery_of(report) == level


def test_it_counts_values_and_leaves_out_what_nobody_says() -> None:
    reports = [{"app_version": "1.1", "battery": n} for n in (0, 10, 30, 99, 100)] + [{"app_version": "1.0"}]
    found = {one.label: one for one in distributions(reports)}
    assert set(found) == {"App version", "Battery"}
    assert [(share.value, share.count) for share in found["App version"].shares] == [("1.1", 5), ("1.0", 1)]
    assert [(share.value, share.count) for share in found["Battery"].shares] == [
        ("0–25%", 2),
        ("25–50%", 1),
        ("75–100%", 2),
    ]
    assert found["Battery"].known == 5


def test_it_sums_up_rare_values() -> None:
    (found,) = distributions([{"device": f"Phone {n}"} for n in range(SHOWN_VALUES + 3)])
    assert (len(found.shares), found.others) == (SHOWN_VALUES, 3)


def test_it_counts_custom_values_by_key() -> None:
    found = custom_distributions([{"screen": "cart", "plan": 1}, {"screen": "pay"}, {"screen": "pay", "list": [1]}])
    assert [one.label for one in found] == ["screen", "list", "plan"]
    assert [(share.value, share.count) for share in found[0].shares] == [("pay", 2), ("cart", 1)]


def test_custom_of_anything_else_is_nothing() -> None:
    assert custom_of({"custom": ["a"]}) == []


def test_it_says_how_often() -> None:
    assert [count_text(n) for n in (1, 2, 3, 1200)] == ["once", "twice", "3 times", "1,200 times"]
