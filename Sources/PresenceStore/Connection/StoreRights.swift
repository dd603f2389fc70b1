// Rollcall · PresenceStore

package import Basics
package import PresenceModel
package import Redis

/// The rights that a node needs in Redis, as commands on keys and channels of its deployment.
///
/// A node checks the rights of its user before it sends a write, and names the missing ones. If a right is taken away
/// in between, the script that needs it stops before its first write.
struct StoreRights: Sendable {
    /// The commands to check, each with the name that an operator reads.
    let channels: [(name: String, words: String)]
    let keys: [(name: String, words: String)]
    let commands: [(name: String, words: String)]

    init(_ keys: StoreKeys, topic: Topic) {
        let names = keys.topic(topic)
        let topicChannel = keys.channel(of: topic)
        let nodeChannels = [
            keys.invalidations, keys.tickets, keys.revocationChannel, keys.pollChannel(of: "0"), keys.probePrefix + "0",
        ]
        channels = ([topicChannel] + nodeChannels).flatMap { channel in
            [("PUBLISH \(channel)", "PUBLISH \(channel) x"), ("SUBSCRIBE \(channel)", "SUBSCRIBE \(channel)")]
        }
        let own: [RedisArgument] =
            names.allAndUntracked
            + [
                names.clock, .string(keys.nodes), .string(keys.configuration), .string(keys.revocations),
                keys.ticket("readiness"),
            ]
        self.keys = own.map { key in ("key \(Self.text(key))", "EVALSHA x 1 \(Self.text(key))") }
        let (m, h, z) = (Self.text(names.position), Self.text(names.members), Self.text(names.leases))
        let (due, g) = (Self.text(names.due), Self.text(names.untracked))
        commands = [
            "TIME", "INFO server", "MULTI", "EXEC", "EVAL x 0", "EVALSHA x 0", "SCRIPT LOAD x",
            "UNSUBSCRIBE \(topicChannel)", "EXISTS \(m)", "DEL \(m)", "PEXPIRE \(g) 1", "PTTL \(g)", "HMGET \(m) e",
            "HGET \(keys.configuration) id", "HSETNX \(keys.configuration) id x", "HSET \(m) e x",
            "HINCRBY \(m) s 1", "HDEL \(h) x", "HLEN \(h)", "HKEYS \(h)", "HEXISTS \(h) x", "HGETALL \(h)",
            "HSCAN \(h) 0", "ZADD \(z) 1 x", "ZREM \(z) x", "ZCARD \(z)", "ZSCORE \(z) x", "ZMSCORE \(z) x",
            "ZSCAN \(z) 0", "ZRANGE \(due) 0 -1", "ZREMRANGEBYSCORE \(g) 0 1", "ZREMRANGEBYRANK \(g) 0 0",
        ].map { words in
            let name = words.hasPrefix("SCRIPT LOAD") ? "SCRIPT LOAD" : String(words.prefix { $0 != " " })
            return (name, words)
        }
    }

    /// The arguments of the script `rights`.
    var arguments: [RedisArgument] {
        let first = 2 + 2 * (channels.count + keys.count)
        return [.integer(first)] + (channels + keys + commands).flatMap { [.string($0.name), .string($0.words)] }
    }

    private static func text(_ argument: RedisArgument) -> String {
        if case .string(let text) = argument { text } else { "" }
    }
}

extension PresenceStore {
    /// The topic for checks; no client is expected to use it.
    package static var probeTopic: Topic { get throws(InputError) { try Topic("rollcall:readiness") } }

    /// The checks that a pool makes on each connection (``RedisOptions/admission``).
    package static func admission(_ keys: StoreKeys) throws(InputError) -> RedisAdmission {
        let rights = StoreRights(keys, topic: try probeTopic)
        return RedisAdmission(
            rights: StoreScripts.rights, arguments: rights.arguments, writing: StoreScripts.writing)
    }
}
