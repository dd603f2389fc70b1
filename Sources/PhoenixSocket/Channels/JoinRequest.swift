// Rollcall · PhoenixSocket

package import Basics
import JSONText
package import PresenceModel
package import PresenceText

/// A checked `phx_join`: the topic and the presence of the channel.
///
/// The channels of Phoenix's guides choose the key and the meta in Elixir; here these rules do. A client of supabase
/// joins with a `config`, and puts `realtime:` before each topic. For such a join the prefix is no part of the topic,
/// and it tracks nothing, because these clients track by a message of their own.
///
/// A class, because a node keeps it in several places for each channel.
package final class JoinRequest: Sendable {
    package let topic: Topic
    /// The text that the client writes before the topic.
    package let topicPrefix: TopicPrefix
    /// The presence of the channel; nil for one that only observes.
    package let member: Member?
    /// The meta that the client names; nil keeps that of a session which is present already, or takes the default.
    package let meta: Meta?
    /// Whether the join tracks the member.
    package let tracksAtOnce: Bool
    /// Whether the client names the session; if not, each join has another one.
    package let isSessionNamed: Bool
    /// Seconds that the presence outlives the channel, if the client names them.
    package let grace: Int?

    /// Reads a join.
    ///
    /// - Parameter ownKey: The key of a user with a token. The user is present under no other key, so one that the
    ///   client names is ignored.
    /// - Throws: For a topic, a key, a session, a meta or a grace that is not valid, and for a payload that is no
    ///   object.
    package init(
        _ message: ClientMessage, _ parameters: SocketParameters, ownKey: Key?, limits: Limits
    ) throws(InputError) {
        guard case .json(let json) = message.payload, json.isObject || json.isNull else {
            throw InputError(.invalid, at: .pointer("#"), "The payload of a join is an object.")
        }
        try json.requireSound(at: .pointer("#"))
        let (text, prefix) = (message.topic.utf8, TopicPrefix.realtime.rawValue.utf8)
        let isOfSupabase = text.starts(with: prefix) && json["config"]?.isObject == true
        topicPrefix = isOfSupabase ? .realtime : .none
        topic = try Topic(String(decoding: text.dropFirst(isOfSupabase ? prefix.count : 0), as: UTF8.self))

        var key = ownKey
        if key == nil, isOfSupabase { key = try json["config"]?["presence"]?["key"]?.key() }
        if key == nil { key = try Self.key(in: json, parameters) }
        // supabase draws a key for clients that name none.
        if key == nil, isOfSupabase { key = Key(utf8: Session.random().text.utf8) }
        let session = try Self.session(in: json, parameters)
        member = key.map { Member(key: $0, session: session ?? .random()) }
        isSessionNamed = session != nil
        tracksAtOnce = key != nil && !isOfSupabase
        meta = try json.member("meta").map { json throws(InputError) in
            try Meta(json, limit: limits.maximumMetaBytes)
        }
        grace = try Self.grace(in: json, parameters, limits)
    }

    private static func key(in json: JSON, _ parameters: SocketParameters) throws(InputError) -> Key? {
        for name in ["key", "name", "user_id"] {
            if let key = try json[name]?.key() { return key }
        }
        for name in ["key", "user_id", "name"] {
            if let text = parameters[name], !text.isEmpty { return try Key(text, at: .parameter(name)) }
        }
        return nil
    }

    private static func session(in json: JSON, _ parameters: SocketParameters) throws(InputError) -> Session? {
        if let named = json.member("session") {
            guard let text = named.string else {
                throw InputError(.invalid, at: .pointer("#/session"), "A session is a string, not \(named.kind).")
            }
            return try Session(text)
        }
        guard let text = parameters["session"], !text.isEmpty else { return nil }
        return try Session(text, at: .parameter("session"))
    }

    private static func grace(
        in json: JSON, _ parameters: SocketParameters, _ limits: Limits
    ) throws(InputError) -> Int? {
        if let named = json.member("grace") { return try limits.grace(named) }
        guard let text = parameters["grace"], !text.isEmpty else { return nil }
        return try limits.grace(text)
    }
}

extension JoinRequest {
    /// Returns how the presence is released at an end of its channel.
    ///
    /// A client that leaves is gone at once, unless it names a session or a grace: then it is expected back.
    func release(after end: ChannelEnd, limits: Limits) -> ChannelRelease {
        let standard = end == .left && !isSessionNamed ? 0 : limits.defaultGrace
        return ChannelRelease(grace: end == .removed ? 0 : grace ?? standard, isRemoved: end == .removed)
    }

    /// The meta of a new presence with a client that names none.
    ///
    /// - Parameter now: Seconds since 1970.
    package static func defaultMeta(at now: Int) -> Meta { Meta(stored: Array(#"{"online_at":"\#(now)"}"#.utf8)) }
}

/// Why a channel ended, as far as its presence is concerned.
enum ChannelEnd: Hashable, Sendable {
    /// By the client: it left, joined again, or closed its socket.
    case left
    /// The client may come back: the connection was lost, or the node closed the socket.
    case lost
    /// The presence was removed, or the credential was revoked.
    case removed
}

/// How the presence of a channel that has ended is released.
package struct ChannelRelease: Hashable, Sendable {
    /// Whole seconds that the presence stays, unless another stream or channel holds it.
    package let grace: Int
    /// Whether it leaves at once and as `removed`.
    package let isRemoved: Bool
}

extension JSON {
    /// The value of a member; nil if it is absent or null.
    func member(_ name: String) -> JSON? { self[name].flatMap { $0.isNull ? nil : $0 } }

    /// The key that a client names by a text or by a number; nil for any other value, and for an empty text.
    fileprivate func key() throws(InputError) -> Key? {
        guard let text = string ?? int.map({ String($0) }), !text.isEmpty else { return nil }
        return try Key(text)
    }
}
