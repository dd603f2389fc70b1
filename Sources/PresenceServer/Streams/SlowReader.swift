// Rollcall · PresenceServer

import NIOCore

/// A client with waiting bytes: of a stream, or of an answer to a request.
enum SlowReader: Hashable, Sendable {
    case stream(OpenStream)
    case answer(on: any Channel)

    private var identity: ObjectIdentifier {
        switch self {
        case .stream(let stream): stream.id
        case .answer(let channel): ObjectIdentifier(channel)
        }
    }

    static func == (one: SlowReader, other: SlowReader) -> Bool { one.identity == other.identity }

    func hash(into hasher: inout Hasher) { hasher.combine(identity) }

    /// Ends the stream or closes the connection, because the node has no room for the bytes that wait for it.
    func end() {
        switch self {
        case .stream(let stream):
            // Later, because the stream may be in the middle of a write.
            stream.loop.execute { stream.endForSlowness() }
        case .answer(let channel): channel.close(promise: nil)
        }
    }
}
