"""Calls a node through the client that openapi-python-client generated from openapi.yaml.

usage: client_calls.py FOLDER URL CONTRACT

FOLDER has the package rollcall_client, URL is the address of the node, and CONTRACT the path of openapi.yaml. The
variable ROLLCALL_TOKEN has an API key. The script ends with an error at the first answer that is not as expected.
"""

import importlib
import os
import re
import sys
from datetime import datetime

import httpx
import yaml

folder, url, contract = sys.argv[1:]
sys.path.insert(0, folder)

from rollcall_client import AuthenticatedClient, Client, models  # noqa: E402

METHODS = ("get", "put", "post", "patch", "delete")
# Names with characters that a path has only as escapes.
TOPIC, ALICE = "room:a/b ü", "alice@example.org?"


def module(operation_id, tag):
    """The module of an operation; an import error if the generator left the operation out."""
    name = re.sub("([A-Z])", r"_\1", operation_id).lower()
    return importlib.import_module(f"rollcall_client.api.{tag}.{name}")


with open(contract, encoding="utf-8") as file:
    document = yaml.safe_load(file)
operations = {
    operation["operationId"]: module(operation["operationId"], operation["tags"][0])
    for path in document["paths"].values()
    for method, operation in path.items()
    if method in METHODS
}
for name, schema in document["components"]["schemas"].items():
    assert schema.get("type") != "object" or hasattr(models, name), f"the client has no class {name}"

# Without the proxies of the environment: the node is on this machine.
options = {"base_url": url, "timeout": httpx.Timeout(60), "httpx_args": {"trust_env": False}}
backend = AuthenticatedClient(token=os.environ["ROLLCALL_TOKEN"], **options)


def call(operation_id, *names, expect, returns, client=backend, **fields):
    """Calls an operation, checks the status of the answer and the type of its body, and returns the body."""
    answer = operations[operation_id].sync_detailed(*names, client=client, **fields)
    assert answer.status_code == expect, f"{operation_id}: {answer.status_code} {answer.content}"
    assert type(answer.parsed) is returns, f"{operation_id}: {type(answer.parsed)} {answer.content}"
    return answer.parsed


def quoted(ref):
    return f'"{ref}"'


# Track. A meta keeps its values; times are times.
meta = models.Meta.from_dict({"status": "online", "seats": [1, 2.5], "place": {"row": None}})
tracked = call(
    "trackPresence",
    TOPIC,
    expect=201,
    returns=models.Receipt,
    body=models.TrackType0(key=ALICE, session="tab", meta=meta, ttl=60),
)
assert (tracked.topic, tracked.key, tracked.session, tracked.ttl) == (TOPIC, ALICE, "tab", 60)
assert type(tracked.expires_at) is datetime and tracked.renew_before < tracked.expires_at

# List, counts and entry.
roster = call("listPresences", TOPIC, expect=200, returns=models.PresenceList)
assert roster.cursor == tracked.cursor and roster.presences.additional_keys == [ALICE]
stored = roster.presences[ALICE].metas[0]
assert type(stored) is models.StoredMeta and stored.phx_ref == tracked.phx_ref
assert stored.additional_properties == meta.additional_properties
counts = call("listPresences", TOPIC, expect=200, returns=models.PresenceCounts, view=models.ListPresencesView.COUNT)
assert (counts.keys, counts.presences) == (1, 1)
entry = call("getKeyEntry", TOPIC, ALICE, expect=200, returns=models.Entry)
assert entry.metas[0].phx_ref == tracked.phx_ref
presence = call("getPresence", TOPIC, ALICE, "tab", expect=200, returns=models.Presence)
assert presence.ttl == 60 and presence.meta["status"] == "online"
topics = call("listTopics", expect=200, returns=models.TopicList, prefix="room:")
assert [topic.topic for topic in topics.topics] == [TOPIC]

# Patch, with a condition that holds and then does not.
change = {"body": models.MergePatch.from_dict({"status": "away"}), "if_match": quoted(tracked.phx_ref)}
patched = call("patchPresence", TOPIC, ALICE, "tab", expect=200, returns=models.Receipt, **change)
assert patched.phx_ref != tracked.phx_ref
refused = call("patchPresence", TOPIC, ALICE, "tab", expect=412, returns=models.Problem, **change)
assert refused.type_ == "/problems/ref-moved" and refused.phx_ref == patched.phx_ref

# Put and heartbeat.
call("putPresence", TOPIC, "bob", "tab", expect=201, returns=models.Receipt, body=models.PutType0(meta=meta))
call(
    "putPresence",
    TOPIC,
    "bob",
    "tab",
    expect=409,
    returns=models.Problem,
    body=models.PutType0(meta=meta),
    if_none_match=models.PutPresenceIfNoneMatch("*"),
)
renewed = call(
    "renewPresence", TOPIC, ALICE, "tab", expect=200, returns=models.Receipt, body=models.HeartbeatType0(ttl=120)
)
assert renewed.ttl == 120 and renewed.phx_ref == patched.phx_ref

# Batch. The member `op` names the kind of each operation.
patch = models.MergePatch.from_dict({"status": None})
batch = models.Batch(
    operations=[
        models.TrackOperation(op="track", topic=TOPIC, key="carol", session="tab"),
        models.UpdateOperation(op="update", topic=TOPIC, key=ALICE, session="tab", patch=patch),
        models.HeartbeatOperation(op="heartbeat", topic=TOPIC, key="dave", session="tab"),
        models.UntrackOperation(op="untrack", topic=TOPIC, key="bob"),
    ]
)
results = call("runBatch", expect=200, returns=models.BatchResults, body=batch).results
assert [result.status for result in results] == [201, 200, 404, 204]
assert results[0].key == "carol" and type(results[0].expires_at) is datetime
assert type(results[2].problem) is models.Problem and results[2].problem.type_ == "/problems/presence-absent"

# Untrack.
call("untrackPresence", TOPIC, ALICE, "tab", expect=204, returns=type(None))
call("untrackKey", TOPIC, "carol", expect=204, returns=type(None))
assert call("countTopic", TOPIC, expect=200, returns=models.PresenceCounts).keys == 0

# A ticket for a stream.
ticket = call("createTicket", expect=201, returns=models.Ticket, body=models.NewTopicTicket(topic=TOPIC))
assert ticket.url.endswith(ticket.ticket) and type(ticket.expires_at) is datetime

# Refusals name the member, and the credential or the right that lacks.
problem = call(
    "trackPresence", TOPIC, expect=422, returns=models.Problem, body=models.TrackType0(key="eve", session="tab", ttl=1)
)
assert problem.type_ == "/problems/invalid-fields" and problem.errors[0].pointer == "#/ttl"
problem = call("countTopic", TOPIC, client=Client(**options), expect=401, returns=models.Problem)
assert problem.type_ == "/problems/unauthenticated"
problem = call("listRevocations", expect=403, returns=models.Problem)
assert problem.type_ == "/problems/forbidden" and problem.missing.right == "revoke"
