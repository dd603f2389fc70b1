// Rollcall · PresenceStoreTests

import PresenceModel
import Redis
import Testing

@testable import PresenceStore

@Suite("Keys and channels of deployments that share a Redis")
struct StoreKeysTests {
    @Test(arguments: [("lobby", 51), ("room:1", 99), ("a", 12), ("ü", 106), ("{51}", 59)])
    func `The bucket of a topic never changes, because names of keys in Redis contain it`(
        topic: String, bucket: Int
    ) throws {
        #expect(StoreKeys.bucket(of: try Topic(topic)) == bucket)
    }

    @Test func `Channels of database 0 have no number, and those of another database have its number`() throws {
        let lobby = try Topic("lobby")
        let (zero, one) = (StoreKeys(), StoreKeys(database: 1))
        #expect(zero.channel(of: lobby) == "rc:{51}:lobby" && one.channel(of: lobby) == "rc:{51}@1:lobby")
        #expect(zero.invalidations == "rc:invalidate" && one.invalidations == "rc:{@1}:invalidate")
        #expect(zero.tickets == "rc:tickets" && one.tickets == "rc:{@1}:tickets")
        #expect(zero.revocationChannel == "rc:revocations" && one.revocationChannel == "rc:{@1}:revocations")
        #expect(zero.pollChannel(of: "n") == "rc:polls:n" && one.pollChannel(of: "n") == "rc:{@1}:polls:n")
        #expect(zero.probePrefix == "rc:probe:" && one.probePrefix == "rc:{@1}:probe:")
        #expect(zero.nodes == one.nodes && zero.configuration == one.configuration)
        #expect(zero.revocations == one.revocations)
    }

    @Test
    func `Two deployments share no channel, even if their prefixes, databases and topics are alike`()
        throws
    {
        let prefixes = [
            "rc:", "rc:x:", "rc", "r", "rc:@1:", "@1:", "rc:probe:", "rc:invalidate", "invalidate", "c:",
            "rc:tickets", "rc:t",
        ]
        let topics = [
            "lobby", "x:lobby", "@1:lobby", "1:lobby", "}@1:lobby", "{51}@1:lobby", "invalidate", "probe:0", ":lobby",
            "rc:{51}:lobby",
        ]
        var owners: [String: String] = [:]
        for prefix in prefixes {
            for database in [0, 1, 2, 11] {
                let keys = StoreKeys(prefix: prefix, database: database)
                let channels =
                    try topics.map { keys.channel(of: try Topic($0)) }
                    + [keys.invalidations, keys.tickets, keys.revocationChannel, keys.probePrefix + "0"]
                #expect(channels.allSatisfy { $0.hasPrefix(prefix) })
                for channel in channels {
                    let other = owners.updateValue("\(prefix) \(database)", forKey: channel)
                    #expect(other == nil, "\(channel) of \(prefix) \(database)")
                }
            }
        }
    }

    @Test func `Messages of one database do not arrive in another one`() async throws {
        let topic = try Topic("lobby")
        try await withStore { zero in
            let url = zero.url.description + "?db=1"
            let keys = StoreKeys(prefix: zero.store.keys.prefix, database: 1)
            try await withStore(url: url) { other in
                let one = PresenceStore(pool: other.pool, keys: keys)
                try await zero.withMessages(on: topic) { log in
                    _ = try await one.track([TrackItem(member: try Member("eve", "s"))], on: topic, mode: .put)
                    #expect(try await log.take() == [])
                    #expect(try await one.position(of: topic).seq == 1)
                    #expect(try await zero.store.position(of: topic) == .empty)
                }
            }
        }
    }
}
