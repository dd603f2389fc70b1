// Rollcall · rollcall

/// What each metric tells: for `/metrics` itself and, by a test, for docs/operations.md.
enum MetricsHelp {
    static let texts = [
        "rollcall_http_requests_total": "Requests answered, by method, route and class of status.",
        "rollcall_http_request_duration_seconds": "Time until an answer began, by method and route.",
        "rollcall_streams_open": "Streams open now.",
        "rollcall_streams_ended_total":
            "Streams ended, by reason: client_gone, unread (took no bytes for too long), draining, failed.",
        "rollcall_presences_swept_total": "Presences whose lease was over and that this node ended.",
        "rollcall_leases_repaired_total": "Leases given to or taken from topics that Redis had lost a part of.",
        "rollcall_metrics_dropped_series_total": "Series not kept because their name had too many, or another type.",
    ]
}
