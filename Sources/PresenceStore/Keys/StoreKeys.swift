// Rollcall · PresenceStore

import Basics
package import PresenceModel
import Redis

/// Names the keys and channels of a deployment.
///
/// All keys of a topic carry the hash tag of its bucket, so that they share a cluster slot.
package struct StoreKeys: Hashable, Sendable {
    /// Fixed for the life of a deployment: with another number a node would look for topics under other keys.
    package static let buckets = 128

    package let prefix: String
    /// The number of the Redis database: in names of channels, but not of keys, because pub/sub ignores databases.
    package let database: Int

    package init(prefix: String = "rc:", database: Int = 0) {
        self.prefix = prefix
        self.database = database
    }

    /// The bucket of a topic: FNV-1a of its bytes.
    package static func bucket(of topic: Topic) -> Int {
        Int(FNV1a.hash(topic.text.utf8) % UInt64(buckets))
    }

    /// The channel on which a topic's messages are published: `rc:{51}:lobby`, in database 1 `rc:{51}@1:lobby`.
    ///
    /// A prefix contains no brace, so two deployments share no channel.
    package func channel(of topic: Topic) -> String {
        channelPrefix(Self.bucket(of: topic)) + topic.text
    }

    /// HASH of the constants that all nodes of a deployment share.
    package var configuration: String { prefix + "cfg" }
    /// ZSET live node → when it was last seen, in ms.
    package var nodes: String { prefix + "nodes" }

    /// HASH id of a revocation → its record; `set` the name of the hash, `v` the number of its changes.
    package var revocations: String { prefix + "revoked" }

    /// Channel of the messages that list keys with changed enrichment.
    package var invalidations: String { nodeChannelPrefix + "invalidate" }
    /// Channel of the messages that streams were opened again with their tickets.
    package var tickets: String { nodeChannelPrefix + "tickets" }
    /// Channel of the messages that revocations have changed.
    package var revocationChannel: String { nodeChannelPrefix + "revocations" }
    /// Channel of the messages about long polls that other nodes send to a node.
    package func pollChannel(of node: String) -> String { nodeChannelPrefix + "polls:" + node }
    /// Prefix of the channels on which nodes send messages to themselves.
    package var probePrefix: String { nodeChannelPrefix + "probe:" }

    /// HASH `r` record, `tag` of the last opening; the name of the ticket is the hash tag.
    func ticket(_ name: String) -> RedisArgument { .string("\(prefix){\(name)}:t") }

    func due(_ bucket: Int) -> RedisArgument { .string(bucketPrefix(bucket) + "due") }
    func clock(_ bucket: Int) -> RedisArgument { .string(bucketPrefix(bucket) + "clk") }

    func topic(_ topic: Topic) -> TopicKeys {
        let bucket = Self.bucket(of: topic)
        return TopicKeys(topic: topic, channel: channel(of: topic), prefix: bucketPrefix(bucket))
    }

    private func bucketPrefix(_ bucket: Int) -> String {
        "\(prefix){\(bucket)}:"
    }

    private func channelPrefix(_ bucket: Int) -> String {
        database == 0 ? bucketPrefix(bucket) : "\(prefix){\(bucket)}@\(database):"
    }

    /// Prefix of the channels that belong to no topic: `rc:`, in database 1 `rc:{@1}:`.
    private var nodeChannelPrefix: String {
        database == 0 ? prefix : "\(prefix){@\(database)}:"
    }
}

/// The keys of one topic, as arguments.
struct TopicKeys {
    let topic: RedisArgument
    let channel: RedisArgument
    /// HASH `e` epoch, `s` seq, `r` run_id.
    let position: RedisArgument
    /// HASH member → value.
    let members: RedisArgument
    /// ZSET member → deadline.
    let leases: RedisArgument
    /// HASH member → the open streams that hold it, if there are several; key and 0x1f → sessions that may be resumed.
    let holders: RedisArgument
    /// ZSET topic, member and owner → when it was untracked while that stream held it, in ms; one for each bucket.
    let untracked: RedisArgument
    /// ZSET topic → lower bound of its earliest deadline; one for each bucket.
    let due: RedisArgument
    /// HASH `last`, `hold`, `rid`; one for each bucket.
    let clock: RedisArgument

    init(topic: Topic, channel: String, prefix: String) {
        self.topic = .string(topic.text)
        self.channel = .string(channel)
        self.position = .string(prefix + "m:" + topic.text)
        self.members = .string(prefix + "h:" + topic.text)
        self.leases = .string(prefix + "z:" + topic.text)
        self.holders = .string(prefix + "o:" + topic.text)
        self.untracked = .string(prefix + "g")
        self.due = .string(prefix + "due")
        self.clock = .string(prefix + "clk")
    }

    /// The keys that most scripts declare, in the order of `KEYS`.
    var all: [RedisArgument] { [position, members, leases, due, holders] }
    /// The keys of the scripts that write or read records of untracked presences.
    var allAndUntracked: [RedisArgument] { all + [untracked] }
}
