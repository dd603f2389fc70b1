// Rollcall · PhoenixSocketTests

import JSONText
import NIOCore
import PresenceModel
import Testing

@testable import PhoenixSocket

/// A socket with a clock, which shows its actions as texts.
struct TestSocket {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    let version: SocketVersion
    var state: SocketState
    var now = TestSocket.start

    init(_ version: SocketVersion = .v2, query: String = "", ownKey: Key? = nil) throws {
        let parameters = SocketParameters(query: "vsn=\(version == .v1 ? "1.0.0" : "2.0.0")&\(query)")
        self.version = version
        state = SocketState(
            options: try #require(SocketOptions(parameters)), parameters: parameters, ownKey: ownKey, limits: Limits(),
            at: Self.start)
    }

    mutating func handle(_ event: SocketState.Event) -> [String] {
        state.handle(event, at: now).compactMap { $0.words(version) }
    }

    mutating func send(_ line: Line) -> [String] { handle(.frame(line.client(version))) }

    /// Joins a topic, and answers the join.
    ///
    /// - Returns: The number of the channel.
    @discardableResult
    mutating func join(_ topic: String = "room:lobby", ref: String = #""1""#, _ payload: String = #"{"name":"alice"}"#)
        throws -> Int
    {
        let line = Line(joinRef: ref, ref: ref, topic: topic, event: "phx_join", payload: payload)
        let last = send(line).last
        let words = try #require(last).split(separator: " ")
        let begun = words.count > 1 && words[0] == "join" ? Int(words[1]) : nil
        let number = try #require(begun)
        _ = handle(.joined(ChannelID(number: number)))
        return number
    }
}

extension SocketState.Action {
    /// The action as a text; nil for one that only counts.
    func words(_ version: SocketVersion) -> String? {
        switch self {
        case .send(let message): String(decoding: message.text(version), as: UTF8.self)
        case .join(let id, let request): "join \(id.number) \(request.topic) \(request.member?.key.text ?? "-")"
        case .subscribe(let id): "subscribe \(id.number)"
        case .change(let id, let change): "change \(id.number) \(change.words)"
        case .leave(let id, let release):
            release.isRemoved ? "remove \(id.number)" : "leave \(id.number) \(release.grace)"
        case .ping: "ping"
        case .close(let end): "close \(end.code?.rawValue ?? 0)"
        case .count: nil
        }
    }
}

extension PresenceChange {
    var words: String {
        switch self {
        case .update(let meta): "update \(String(decoding: meta.json, as: UTF8.self))"
        case .patch(let patch): "patch \(String(decoding: patch.compact, as: UTF8.self))"
        case .track(let meta): "track \(meta.map { String(decoding: $0.json, as: UTF8.self) } ?? "-")"
        case .untrack: "untrack"
        }
    }
}
