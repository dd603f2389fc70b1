"""Checks for schemathesis of the rules that openapi.yaml states in prose only.

JSON Schema has no bytes, no parameter that needs another one, no lease, and no results that fail one by one.
"""

import os
import time
from urllib.parse import parse_qs, unquote, urlsplit

import schemathesis

SERVER_ERROR, VALID_BUT_REFUSED, CREATED_BUT_ABSENT = "ST101", "ST202", "ST302"
MISSING_HEADER = "ST203"
# On a machine that pauses for two seconds a node answers that Redis is away. More such answers are a fault.
TOLERATED_503 = 3
# The caller of ContractFuzzTests, and the key of the callers that are users.
CALLER, SUBJECT = os.environ["ROLLCALL_CONTRACT_CALLER"], "alice"
IS_USER = CALLER in ("user", "counting")

# The path of each presence that was tracked or renewed, and when its lease is over, on this machine's clock.
leases = {}
unavailable = []


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    """Sends the messages of a long poll as they are, and other values as their texts."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Replaces the schema of a stream's text, which schemathesis applies to each event, by the schema of its events.

    For the caller without a credential no operation needs one, as on an open node.
    """
    if CALLER == "open":
        raw_schema["security"] = []
    components = raw_schema["components"]
    for response in components["responses"].values():
        stream = response.get("content", {}).get("text/event-stream")
        if stream:
            events = component(components, stream["x-event-schema"])["oneOf"]
            stream["schema"] = {"oneOf": [as_sent(component(components, event)) for event in events]}


def component(components, reference):
    return components["schemas"][reference["$ref"].rpartition("/")[2]]


def as_sent(event):
    """The schema of an event as a stream has it: its data is a text, which is JSON."""
    data = {"type": "string", "contentMediaType": "application/json", "contentSchema": event["properties"]["data"]}
    return {**event, "properties": {**event["properties"], "data": data}}


@schemathesis.hook
def before_call(context, case, **kwargs):
    """Has a user write under its own key on about half of the topics, since it may write under no other."""
    if CALLER != "user" or not (case.meta and case.meta.generation.mode.is_positive):
        return
    path, query, body = case.path_parameters or {}, case.query or {}, case.body
    if len(path.get("topic", "")) % 2:
        return
    if "key" in path:
        path["key"] = SUBJECT
    if operation_id(case) == "followTopic" and "key" in query:
        query["key"] = SUBJECT
    if operation_id(case) == "trackPresence" and isinstance(body, dict) and body.get("key") is not None:
        body["key"] = SUBJECT


@schemathesis.hook
def after_call(context, case, response):
    if operation_id(case) in ("trackPresence", "putPresence", "renewPresence") and response.status_code in (200, 201):
        receipt = response.json()
        path = "/v1/topics/{topic}/presences/{key}/{session}".format(**receipt)
        leases[path] = time.monotonic() - response.elapsed + receipt["ttl"]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Drops failures that the contract allows in words.

    They are a status, or an absence after a lease or a key's last session ended.
    """
    if failure.code == SERVER_ERROR and response.status_code == 503:
        unavailable.append(case)
        return len(unavailable) > TOLERATED_503
    if failure.code == VALID_BUT_REFUSED:
        return response.status_code not in refusals_in_words(case, response)
    if failure.code == CREATED_BUT_ABSENT:
        path = unquote(urlsplit(response.request.url).path).removesuffix("/heartbeat")
        return operation_id(case) != "getKeyEntry" and time.monotonic() < leases.get(path, 0)
    if failure.code == MISSING_HEADER and failure.header_name == "Authorization":
        # A ticket stands for the credential. Beside it the query has fewer parameters.
        return not (has_ticket(case, response) and response.status_code == 400)
    return True


def refusals_in_words(case, response):
    operation, sent = operation_id(case), urlsplit(response.request.url)
    query, body = parse_qs(sent.query, keep_blank_values=True), case.body if isinstance(case.body, dict) else {}
    names = [unquote(segment) for segment in sent.path.split("/")]
    names += [name for parameter in ("topic", "key", "after") for name in query.get(parameter, [])]
    names += [body.get("key") or "", body.get("sub") or "", *body.get("keys", [])]
    if operation == "createTicket":
        present = body.get("present")
        kept = [body.get("topic") or "", *(body.get("topics") or []), (present or {}).get("key") or ""]
        names += kept
        if present is not None and lacks_key(present):
            yield 422
        # A record has 1 KiB with the escapes of its names.
        if sum(len(name.encode()) for name in kept) > 300:
            yield 422
    # A refuse_until of the past is of no use, a zone may lead out of the years 0 to 9999, and a jti has a bound in
    # bytes.
    if operation == "createRevocation" and (
        any(body.get(time) is not None for time in ("issued_before", "refuse_until")) or is_long(body.get("jti") or "")
    ):
        yield 422
    # Another request may have removed the key from the topic.
    if operation in ("trackPresence", "putPresence", "followTopic"):
        yield 403
    if any(map(is_long, names)):
        yield 400
    if operation == "listPresences" and query.get("view") == ["count"] and {"limit", "after"} & query.keys():
        yield 400
    if operation == "followTopic" and "key" not in query and {"meta", "session", "grace"} & query.keys():
        yield 400
    if operation == "followTopics" and ("key" in query or "topic" not in query):
        yield 400
    if has_ticket(case, response):
        yield from (400, 401)
    if operation == "trackPresence" and lacks_key(body):
        yield 422
    headers = response.request.headers
    if operation in ("putPresence", "patchPresence", "untrackPresence", "renewPresence") and "If-Match" in headers:
        yield 412
    if operation == "putPresence" and "If-None-Match" in headers:
        yield 400 if "If-Match" in headers else 409
    if len(response.request.body or b"") > 4096 or len(sent.query) > 4096:
        yield 413
    if "\0" in texts(body):
        yield 422
    if "\\u0000" in query.get("meta", [""])[0]:
        yield 400


@schemathesis.check
def batch_results(ctx, response, case):
    """An operation of a batch fails alone: one that JSON Schema refuses does, and a valid one is never refused."""
    if operation_id(case) != "runBatch" or response.status_code != 200:
        return
    operations = case.body["operations"]
    statuses = [result["status"] for result in response.json()["results"]]
    assert len(statuses) == len(operations), f"{len(statuses)} results of {len(operations)} operations"
    refused = [status for status in statuses if status in (400, 422)]
    if case.meta and case.meta.generation.mode.is_positive:
        bad = [one for one in operations if is_bad(one)]
        # A user gets 403 for another key, whether the rest of the operation is right or wrong.
        assert len(refused) <= len(bad) if IS_USER else len(refused) == len(bad), f"valid operations failed: {statuses}"
    elif not IS_USER and "text/plain" not in content_type(response):
        # JSON under that type is taken, although the contract lists application/json alone.
        assert refused, f"an invalid operation was not refused: {statuses}"


def is_bad(operation):
    """Whether an operation that JSON Schema allows breaks a rule that is in words only."""
    if operation["op"] == "update" and (operation.get("meta") is None) == (operation.get("patch") is None):
        return True
    if operation["op"] == "untrack" and operation.get("session") is None and operation.get("if_match") is not None:
        return True
    if lacks_key(operation):
        return True
    return is_long(operation["topic"]) or is_long(operation.get("key") or "") or "\0" in texts(operation)


def lacks_key(fields):
    """Whether a key is left out by a caller that has none of its own."""
    return fields.get("key") is None and not IS_USER


def has_ticket(case, response):
    """Whether a request for a stream has a ticket, also an empty one."""
    query = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
    return operation_id(case) in ("followTopic", "followTopics") and "ticket" in query


def content_type(response):
    return str([value for name, value in response.request.headers.items() if name.lower() == "content-type"])


def texts(value):
    """All names and strings in a value, as one text."""
    if isinstance(value, dict):
        return "".join(name + texts(member) for name, member in value.items())
    if isinstance(value, list):
        return "".join(map(texts, value))
    return value if isinstance(value, str) else ""


def is_long(name):
    return len(name.encode()) > 256


def operation_id(case):
    return case.operation.definition.raw.get("operationId")
