"""The rules of the wire, by the sections of Countly's protocol, and which tests hold them.

A test says with `@pytest.mark.rule("slug")` which rules it holds; `pytest ingest --rules` prints the list.
"""

import ast
from pathlib import Path

RULES = {
    # 1.1 Methods and paths.
    "door.preflight": "A preflight is answered 200, empty, with the methods and headers that SDKs use.",
    "door.other_verbs_405": "Any verb but GET, POST and OPTIONS is answered 405.",
    "door.prefix_and_slash": "A path may have a prefix, a closing slash or an empty query.",
    "door.absolute_target": "A request target in absolute form counts by its path and query.",
    "door.ping": "The ping answers Success while the database is there.",
    # 1.2 Where parameters come from.
    "parameters.url_wins": "A value in the URL wins over one in the body.",
    "parameters.urlencoded": "An urlencoded body is read.",
    "parameters.multipart": "Text parts are parameters; the first picture by content is the upload.",
    "parameters.json_body": "A JSON body may hold real values where SDKs send text.",
    "parameters.other_bodies_unread": "A body of any other type says nothing.",
    "parameters.repeated": "A repeated parameter counts as not sent.",
    "parameters.key_operator": "An app key that is no text is a key that nobody has.",
    "parameters.every_encoding": "Each SDK's way of encoding is decoded alike.",
    "parameters.raw_json": "JSON may stand unescaped in the query.",
    "answers.jsonp": "An answer is wrapped in the callback that was asked for.",
    "answers.jsonp_hostile": "A callback that is no plain name is not echoed.",
    "answers.headers": "Every answer is JSON and open to every origin.",
    "door.feedback": "Feedback pages send an event to their own address, never signed.",
    "door.kin_of_reads": "What SDKs read is answered at each of its addresses.",
    "door.feedback_widgets": "Definitions and pages of feedback widgets that do not exist are answered so.",
    "door.unknown_path": "An unknown address of the SDKs' world is answered 400 Invalid path, a page's stays 404.",
    # 1.3 Exact answers.
    "answers.success": "What is stored is answered with Success.",
    "answers.missing_identity": "Without app key or device id the answer is 400.",
    "answers.zero_idfa": "The zero IDFA is answered 200 and not stored.",
    "answers.unknown_app": "An unknown app is answered 400.",
    "answers.paused_app": "A paused app is answered 400.",
    "answers.locked_app": "A locked app refuses what a populator invented, with 403.",
    "answers.id_lengths": "An app_id or user_id that is not 24 characters long is answered 400.",
    "answers.no_checksum": "A salted app's unsigned request is answered 200 and not stored.",
    "answers.wrong_checksum": "A wrongly signed request is answered 200 and not stored.",
    "answers.malformed_is_success": "Malformed JSON loses its parameter only and is answered Success.",
    "answers.too_large": "A body that is too large is read, dropped and answered 200.",
    "refused.kept": "A request of a known app that can never be applied is kept, with the reason.",
    "refused.unknown_method": "So is a read with an unknown method.",
    "refused.bulk_items": "So are the items of a bulk that were skipped.",
    "refused.too_large": "So is the head of a body that is too large.",
    "refused.nothing_of_strangers": "Nothing is kept of what may not come in.",
    # 1.4 Order within one request.
    "order.parameters_together": "One request may carry many payloads, and each is applied once.",
    "order.shuffled": "What real SDKs sent leaves the same people, sessions and events in any order of arrival.",
    "order.arrival": "Requests of one user are applied in the order of arrival.",
    # 1.5 Bulk.
    "bulk.missing": "Missing or unreadable requests are answered 400.",
    "bulk.no_list": "Requests that are no list are answered 400.",
    "bulk.in_order": "Items keep their order and may share an app key.",
    "bulk.bad_items_skipped": "A bad item is skipped and never changes the answer.",
    "bulk.real_json": "Requests may be real JSON.",
    "bulk.same_stamp": "Items with one stamp are not duplicates of each other.",
    "bulk.captured": "The bulk requests that Node sent are taken.",
    # 1.6 SDK reads.
    "reads.minimal": "Each method has the least answer that its SDK accepts.",
    "reads.config_never_silences": "The SDK configuration is empty and has its three keys.",
    "reads.ab_never_fails": "No method of A/B tests is ever answered with an error.",
    "reads.unknown_method": "An unknown method is answered 400.",
    "reads.create_profile": "A read makes the profile known, without session or times.",
    "reads.merge": "A read with an old id merges.",
    # 1.7 Health check.
    "health.no_session": "A health check begins no session.",
    "health.kept": "What a health check says is kept.",
    # 1.8 Delivery.
    "delivery.queue_never_blocked": "Whatever real SDKs sent is answered as delivered.",
    "delivery.any_input": "No input breaks the reading of a request.",
    # 2.1 Base parameters.
    "base.device_id_type": "The type of a device id is kept.",
    "base.sdk": "SDK name and version, queue length and the rest are read.",
    "base.ip_address": "An address in the request wins over the connection's.",
    "base.ip_ignored": "Android's ip does not count.",
    "base.no_meta": "A request without meta leaves times and SDK alone.",
    "base.app_version": "The app's version is that of the metrics; av says nothing.",
    "base.unknown": "Parameters that nobody knows are ignored.",
    "base.flags": "Switches of zero and false are off.",
    # 2.2 Identity.
    "identity.uid": "Short ids follow the order of first contact, in base 62.",
    "identity.any_request": "Any accepted request makes a profile.",
    "identity.text": "Device ids of numbers and of texts are one.",
    "identity.any_characters": "A device id may hold any characters.",
    "identity.long_ids": "Long ids that begin alike stay apart.",
    "identity.nobodys": "Undefined, null, zeros and the like are nobody's id: kept as refused, answered 200.",
    "identity.identified": "Developer ids, merges and details identify, and nothing else does.",
    "identity.former_names": "A person is found by an e-mail and a username of before.",
    "identity.strays_of_a_change": "The end and the view that an id change leaves behind are no session and no visit.",
    # 2.3 Merges.
    "merge.another_id": "A merge needs another id.",
    "merge.loses_nothing": "Merges lose nothing, however batches are cut.",
    "merge.late_data": "What was stamped before a merge belongs to the survivor; later data is a new profile's.",
    "merge.with_and_without": "Ids change with and without a merge.",
    "merge.unknown_old": "An old id that nobody has changes nothing.",
    "merge.retry": "A merge that is sent again changes nothing.",
    "merge.rename": "An old profile moves to an id that nobody has.",
    "merge.sessions": "Sessions of two who merge are those of one device that had sent all of it.",
    "merge.fields": "Counts add up, firsts are earliest, lasts latest; of the rest the later session's values win.",
    "merge.history": "Events, crashes, tokens and consent come along.",
    "merge.chains": "A chain of merges ends in one user, in whatever order it arrives.",
    "merge.undone": "A merge is a row with both as they were, and is undone as if it had never been.",
    "merge.any_tree": "Any tree of merges, in any order of arrival and with retries, ends in one user who has all.",
    "merge.into_one_target": "Two merges into one target both land.",
    # 2.4 Time.
    "time.digits": "A stamp has ten or thirteen digits, counted after rounding.",
    "time.unusable": "Any other stamp means server time.",
    "time.future": "The future becomes now, for all events alike.",
    "time.past": "The past is believed.",
    "time.first_and_last": "Late data moves what was first back, and never what was last.",
    "time.event": "An event has its own time, hour and weekday, else its request's.",
    "time.midnight": "Hour twenty-four is midnight.",
    "time.sunday": "Sunday is day zero.",
    "time.zone": "Time zones count minutes to the east.",
    "time.app_days": "A day is a day of the app's time zone.",
    # 2.5 Sessions.
    "sessions.table": "Every case of the session table comes out as written.",
    "sessions.any_order": "Sessions do not depend on the order of arrival.",
    "sessions.facts": "A session has the version, device and country of its own begin, however late that comes.",
    "sessions.begin_wins": "A request that begins and ends begins; its seconds count.",
    "sessions.offline": "An hour offline delivered at once is two sessions.",
    "sessions.seconds": "Seconds are an increment; negative ones are thirty, and a day is the most.",
    "sessions.retried_begin": "A begin that is retried is one session.",
    "sessions.web_without_cookie": "Without a cookie each ping of the Web SDK begins a session.",
    # 2.6 Metrics.
    "metrics.facts": "Each metric becomes a fact in clean text.",
    "metrics.carrier": "Carriers are names of operators: hashes and numbers of networks are none.",
    "metrics.source": "A source is cleaned of scheme, www and campaign tags.",
    "metrics.empty": "Empty metrics say nothing.",
    "metrics.version_codes": "Versions lose their platform's code.",
    "metrics.device_type": "The type of a device is derived where it is not said.",
    "metrics.apple": "Apple makes what runs on its systems.",
    "metrics.any_request": "Metrics count on any request.",
    "metrics.unreadable": "Unreadable metrics lose nothing else.",
    "metrics.user_agent": "The user agent fills gaps, at begins only.",
    "metrics.names": "Devices get the names that people know, browsers and countries are those of the begin.",
    "metrics.ua_wins": "A user agent in metrics counts before the header.",
    # 2.7 Events.
    "events.keys": "Keys are cleaned; empty and too long ones lose their event.",
    "events.count": "A count is a whole number, and one where none is said.",
    "events.sum": "A sum has five decimals, or is none.",
    "events.missing_is_none": "A missing sum or duration is not zero.",
    "events.duration": "A duration may be fractional.",
    "events.segmentation": "Segmentation keeps its types and cleans its keys.",
    "events.no_segmentation": "Missing segmentation is fine.",
    "events.ids": "Ids of events and views are kept as sent.",
    "events.unreadable": "Unreadable events lose nothing else.",
    "events.equal": "Two equal events of a batch are two.",
    "events.reserved": "A reserved key that nobody knows is dropped, and noted.",
    "events.session": "An event belongs to the session it happened in, however late it comes; it begins none.",
    "events.view": "A visited view is an event.",
    "events.view_left": "A view without visit is time spent on the open one.",
    "events.view_left_late": "A view that is left after its session's end belongs to its visit.",
    "events.view_left_early": "A view that is left before its visit is known has its seconds when it is.",
    "events.view_any_order": "Seconds of views do not depend on the order of arrival.",
    "events.view_seconds": "A view of ten digits of seconds lasted none.",
    "events.view_name": "View names are cut.",
    "events.orientation": "Orientation is a fact and leaves no event.",
    "events.action": "A click or a scroll is an event, and no fact.",
    "events.rating": "A rating says undefined for what it does not say.",
    "events.nps": "Promoter ratings have a type.",
    "events.survey_shown": "A survey that was only shown has its own key.",
    "events.push_action": "A push action needs a message.",
    # 2.8 User details.
    "details.only_sent": "Only what was sent changes.",
    "details.delete": "Null and empty text delete.",
    "details.zero_is_value": "Zero and false are values.",
    "details.unknown": "Unknown names are ignored.",
    "details.birth_year": "A birth year is a year, as text too.",
    "details.types": "Values keep their types.",
    "details.modifier_order": "Modifiers of one property apply in a fixed order.",
    "details.modifiers": "The modifiers do what the vendor's do.",
    "details.modifier_misfit": "A modifier without a fitting value is ignored.",
    "details.key_hygiene": "Names lose dots and dollars.",
    "details.limits": "Custom properties and their items have limits.",
    "details.lasting": "A property lasts until it is set again or deleted, and what it was is remembered.",
    "details.picture": "A picture comes in any field and in any place.",
    "details.picture_content": "What is no picture by its content is none.",
    "details.web_upload": "An upload of the Web SDK is decoded once more.",
    # 2.9 Crashes.
    "crash.required": "A crash without error, version or platform is none.",
    "crash.web_platform": "A browser's platform is in its user agent.",
    "crash.fatal": "A crash is fatal unless it says otherwise.",
    "crash.groups": "Numbers, addresses and lines do not part a group; each user's count is kept.",
    "crash.fatal_apart": "One stack, fatal and not fatal, is two groups.",
    "crash.flags": "Flags come as booleans, texts and numbers.",
    "crash.manufacturer": "The maker has two spellings.",
    "crash.logs": "Logs may be a list.",
    "crash.images": "Binary images become JSON text.",
    "crash.native": "A minidump counts by the first frame of the crashed thread, wherever its library was loaded.",
    "crash.plcrash": "A PLCrashReporter report counts by its crashed thread.",
    "crash.version_upgrade": "A resolved group comes back with a crash of a newer version, and only with that.",
    "crash.unreadable": "Unreadable crashes lose nothing else.",
    # 2.10 Location.
    "location.point": "A point is two numbers.",
    "location.malformed": "A malformed point is ignored.",
    "location.without_session": "Explicit places count without a session.",
    "location.opt_out": "An empty location opts out; a missing one says nothing.",
    "location.address_at_begin": "The address tells the country at a begin, where nothing else did.",
    "location.switches": "An app that does not want countries or cities known gets none, whoever says them.",
    "location.fix_outlives_address": "A measured place outlives an address's for seven days.",
    # 2.11 Consent.
    "consent.features": "Consent is yes or no for each feature.",
    "consent.history": "Only what changes is a change, with its time.",
    "consent.never_blocks": "Consent never keeps a request out.",
    "consent.push_deletes_tokens": "Refusing push removes the user's tokens.",
    # 2.12 Push and the rest.
    "push.android": "Android registers with Google or Huawei.",
    "push.ios": "Apple's tokens have an environment, and need it.",
    "push.token_moves": "A token belongs to whom it was registered for last.",
    "push.none": "A blacklisted or empty token is none.",
    "purchases.events": "A purchase is an event with its sum; which events are purchases is no matter of the wire.",
    "campaign.kept": "A campaign is kept.",
    "apm.accepted": "Performance traces and advertising ids are accepted, with no effect.",
    # 2.13 Checksums.
    "checksum.payloads": "Query, body and upload are signed each in its way.",
    "checksum.captured": "What SDKs really signed is let in, with their salt only.",
    "checksum.first": "The older checksum counts first.",
    "checksum.case": "Case and place of the checksum do not matter.",
    "checksum.raw_bytes": "Nothing is decoded before hashing.",
    "checksum.unsalted": "An app without salt ignores checksums.",
    # 2.14 Retries.
    "retries.once": "A retry changes nothing.",
    "retries.interleaved": "Interleaved retries are found.",
    "retries.changing": "Queue length and checksums may change in a retry.",
    "retries.whole_queue": "A whole queue with merges may come again, in any order.",
    "retries.unstamped": "Without a stamp nothing is taken for a retry.",
    "retries.another_device": "The same words of another device are no retry.",
    # 2.16 Limits.
    "limits.events": "Events over the limit are dropped.",
    "limits.segmentation": "Segmentation has limits.",
    "limits.noted": "What was dropped is counted beside the request.",
}


def rule_holders() -> dict[str, list[str]]:
    """Read the tests' sources and return the names of those that are marked, by the rule that they hold."""
    tests: dict[str, list[str]] = {}
    root = Path(__file__).parent
    for path in sorted(root.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for slug in _marked(node):
                    tests.setdefault(slug, []).append(f"{path.relative_to(root)}::{node.name}")
    return tests


def _marked(test: ast.FunctionDef) -> list[str]:
    return [
        argument.value
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.rule"
        for argument in mark.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
