// Rollcall · PhoenixSocket

/// The number of a join on its socket; each join has another one, also of the same topic.
package struct ChannelID: Hashable, Comparable, Sendable {
    let number: Int

    package static func < (left: ChannelID, right: ChannelID) -> Bool { left.number < right.number }
}

/// One topic on one socket, from its join.
///
/// | state | next states |
/// |---|---|
/// | joining | joined, gone |
/// | joined, without a state | joined, with a state; gone |
/// | joined, with a state | joined, without a state, after diffs were dropped; gone |
struct Channel: Sendable {
    /// A joined channel that a later join replaces.
    struct Replaced: Sendable {
        let id: ChannelID
        let joinRef: MessageRef
        let request: JoinRequest
    }

    let id: ChannelID
    /// The topic as the client writes it.
    let topic: String
    /// The `join_ref` of the join, or its `ref` if that is null.
    let joinRef: MessageRef
    let request: JoinRequest
    /// The refs of the join, until it is answered.
    private(set) var unanswered: MessageRefs?
    /// Whether the client has the state of the topic, to which diffs apply.
    var hasState = false
    /// Messages that wait for the answer to the join; ``SocketState`` bounds them.
    var held: [ClientMessage] = []
    /// The channel that is closed behind the answer to this join.
    private(set) var replaced: Replaced?
    var changes = ChangeQueue()

    init(
        _ id: ChannelID, topic: String, joinRef: MessageRef, request: JoinRequest, refs: MessageRefs,
        replacing replaced: Replaced?
    ) {
        self.id = id
        self.topic = topic
        self.joinRef = joinRef
        self.request = request
        self.replaced = replaced
        unanswered = refs
    }

    var isJoined: Bool { unanswered == nil }

    /// Notes that the join was answered; the messages and the channel that waited for that are gone.
    mutating func becomeJoined() {
        unanswered = nil
        replaced = nil
        held = []
    }
}
