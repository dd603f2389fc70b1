// Rollcall · rollcall

/// The meaning of each metric, for `/metrics` and docs/operations.md; a test compares.
enum MetricsHelp {
    static let texts = [
        "rollcall_http_requests_total": "Requests answered, by method, route and class of status.",
        "rollcall_http_request_duration_seconds": "Time until an answer began, by method and route.",
        "rollcall_connections_open": "Connections of clients open now, streams included.",
        "rollcall_accept_paused":
            "1 while new connections are refused or wait, at the limit of connections or of the system; else 0.",
        "rollcall_tls_handshakes_failed_total":
            "TLS handshakes failed, by reason: error (the client does not speak TLS 1.2, or does not trust the certificate), timeout.",
        "rollcall_body_bytes": "Bytes of request bodies held now.",
        "rollcall_bodies_refused_total": "Bodies refused, by reason: budget (the node holds too many bytes), timeout.",
        "rollcall_rate_limited_total":
            "Requests and streams refused with 429 or 403 by a limit of their caller, by limit, such as user_requests.",
        "rollcall_streams_open": "Streams open now.",
        "rollcall_streams_ended_total":
            "Streams ended, by reason: client_gone, unread (took no bytes for too long), slow (took no event in time while the node's queue was full), draining, node_full, token_expired, revoked, removed, replaced, failed.",
        "rollcall_sockets_open": "Phoenix sockets open now.",
        "rollcall_sockets_closed_total":
            "Phoenix sockets closed, by the code of the node's close frame: 1001 (silent), 1002, 1003, 1007, 1009 (frames or messages that cannot be read), 1008 (credential ended or revoked, too many messages), 1011 (failed), 1012 (draining), 1013 (fell behind), none (closed by the client, or without a frame).",
        "rollcall_channels_open": "Channels of Phoenix sockets open now, those that are joining included.",
        "rollcall_joins_total":
            "Joins of channels answered, by outcome: ok, refused (the caller may not, or Redis is away), invalid, too_many.",
        "rollcall_diffs_encoded_total":
            "Diffs encoded, each one once for each form in which clients of its topic get it.",
        "rollcall_revocations": "Revocations and removals that this node knows.",
        "rollcall_stream_queue_bytes": "Bytes that wait for slow readers; what several wait for counts once.",
        "rollcall_replay_bytes": "Bytes of recent changes kept for streams that resume, to the nearest 64 KiB.",
        "rollcall_topics_followed": "Topics that this node follows.",
        "rollcall_redis_trouble":
            "1 while something keeps Redis from being used in full, by reason: unreachable, password, protected, tls, not_redis, unsuitable, database, clients, rights, read_only, full, persistence, replicas.",
        "rollcall_presences_swept_total": "Presences that this node ended after the end of their leases.",
        "rollcall_leases_repaired_total": "Leases given to or taken from topics that Redis had lost a part of.",
        "rollcall_releases_dropped_total":
            "Ends of streams that were dropped, since 100,000 waited for Redis: those presences leave as expired.",
        "rollcall_fetch_queries_total":
            "Queries of the fetch hook, by field and outcome: answered, timed_out, refused, data, too_large, busy, lost, unavailable.",
        "rollcall_fetch_keys_total": "Keys that the fetch hook asked for, by field.",
        "rollcall_fetch_seconds": "Time that queries of the fetch hook took, by field.",
        "rollcall_fetch_cache_total":
            "Keys looked up in the fetch hook's cache, by field and result: hit, stale (used, and fetched again), miss.",
        "rollcall_fetch_refused_total":
            "Data that cannot be shown, by field and reason: invalid_json, too_large, raised (an error for that key alone).",
        "rollcall_fetch_breaker_open":
            "Rules of the fetch hook that ask for nothing now, since PostgreSQL fails, by field.",
        "rollcall_fetch_notifications_total": "Notifications of changed data from PostgreSQL.",
        "rollcall_metrics_dropped_series_total": "Series not kept because their name had too many, or another type.",
    ]
}
