// Rollcall · PhoenixSocket

package import PresenceText

/// How a socket speaks and what it shows, by its parameters.
///
/// An application may use the same names for its own purposes, so a value that is not in this table counts as none.
///
/// | parameter | value | effect |
/// |---|---|---|
/// | `vsn` | `1.0.0`, `2.0.0` | the form of messages |
/// | `view` | `full`, `keys`, `count` | what states and diffs show |
/// | `reasons` | `true` | diffs have the reasons of leaves |
/// | `extras` | `false` | entries have metas only, and no enrichment |
/// | `diffs` | `each` | each diff has one key, for phoenix_socket before 1.0 |
/// | `join_ref` | `always` | diffs have the `join_ref` of the channel, for clients that drop messages without one |
/// | `repair` | `close` | a socket that lost diffs is closed, for clients that cannot take a second state |
/// | `liveness` | `app` | only messages show that the client is there; pongs do not |
package struct SocketOptions: Hashable, Sendable {
    package let version: SocketVersion
    /// The view that the client names; nil for the most that it may see.
    package let view: View?
    package let showsReasons: Bool
    package let showsExtras: Bool
    /// Whether a diff is sent as one message for each key.
    package let splitsDiffs: Bool
    /// Whether diffs have the `join_ref` of the channel.
    package let stampsDiffs: Bool
    package let repairsByClosing: Bool
    package let countsMessagesOnly: Bool

    /// Returns nil for a version that Rollcall does not speak.
    package init?(_ parameters: SocketParameters) {
        guard let version = SocketVersion(vsn: parameters["vsn"]) else { return nil }
        self.version = version
        view = parameters["view"].flatMap { View(rawValue: $0) }
        showsReasons = parameters["reasons"] == "true"
        showsExtras = parameters["extras"] != "false"
        splitsDiffs = parameters["diffs"] == "each"
        // Version 1 has no join_ref. The messages of one split diff share their bytes with those of other sockets.
        stampsDiffs = version == .v2 && parameters["join_ref"] == "always" && parameters["diffs"] != "each"
        repairsByClosing = parameters["repair"] == "close"
        countsMessagesOnly = parameters["liveness"] == "app"
    }

    /// The form of the states and diffs of a channel.
    ///
    /// - Parameter view: What the caller sees of the topic.
    package func format(_ view: View, topicPrefix: TopicPrefix) -> FrameFormat {
        let socket = SocketFormat(
            form: version == .v1 ? .object : .array, topicPrefix: topicPrefix, showsReasons: showsReasons,
            showsExtras: showsExtras, splitsDiffs: splitsDiffs, stampsDiffs: stampsDiffs)
        return FrameFormat(view: view, socket: socket)
    }
}
