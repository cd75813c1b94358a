"""A trace in the order of reading."""

from profiles.crashes.reading_order import in_reading_order
from profiles.crashes.tests.test_fingerprint import read_corpus
from profiles.crashes.traces.reading import read_trace


def test_the_root_cause_comes_first_and_its_wrapper_is_folded() -> None:
    report = read_corpus("android")[0].reports[0]
    cause, wrapper = in_reading_order(read_trace(report.error))
    assert (cause.role, cause.exception, cause.is_folded) == ("Root cause", "NullPointerException", False)
    assert [(run.is_app_code, len(run.frames), run.is_remark) for run in cause.runs] == [
        (True, 3, False),
        (False, 1, True),
    ]
    assert (wrapper.role, wrapper.exception, wrapper.is_folded) == ("Wrapped by", "RuntimeException", True)


def test_frames_of_others_are_folded_between_the_apps_own() -> None:
    report = read_corpus("ios")[0].reports[0]
    (part,) = in_reading_order(read_trace(report.error, executable="Shop"))
    assert [run.is_app_code for run in part.runs] == [False, True, False]
    assert part.runs[0].summary == "3 frames of the system and libraries · __exceptionPreprocess"
    assert [frame.function for frame in part.runs[1].frames] == ["-[Cart pay]", "-[CartViewController didTapPay:]"]


def test_a_wrapper_with_the_blamed_frame_stands_open() -> None:
    report = next(group for group in read_corpus("android") if "root cause is the system" in group.name).reports[0]
    cause, wrapper = in_reading_order(read_trace(report.error))
    assert not cause.is_folded
    assert not wrapper.is_folded
    assert wrapper.runs[0].frames[0].function == "PriceApi.parse"


def test_a_trace_of_others_alone_stands_open() -> None:
    trace = "java.lang.E: x\n\tat android.os.Handler.a(Handler.java:1)\n\tat android.os.Looper.b(Looper.java:2)"
    (part,) = in_reading_order(read_trace(trace))
    assert [(run.is_app_code, len(run.frames)) for run in part.runs] == [(True, 2)]


def test_text_that_is_no_trace_is_a_heading() -> None:
    (part,) = in_reading_order(read_trace("Payment failed\nfor order 12"))
    assert (part.heading, part.runs) == ("Payment failed\nfor order 12", ())


def test_nothing_is_nothing() -> None:
    assert in_reading_order(read_trace(""))[0].runs == ()
