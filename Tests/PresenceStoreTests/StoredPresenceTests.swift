// Rollcall · PresenceStoreTests

import PresenceModel
import TestSupport
import Testing

@testable import PresenceStore

@Suite("Stored values and keys")
struct StoredPresenceTests {
    @Test func `A stored value is read as it was written, with any owner and with or without a previous ref`() throws {
        let meta = try Meta(#"{"a, b":[1,2],"c":"- ,"}"#)
        for previous in [nil, Ref.random()] {
            for owner in [Ownership.heartbeats, .stream(.random()), .shared, .released] {
                let presence = Presence(ref: .random(), previous: previous, meta: meta)
                let stored = StoredPresence(presence: presence, ttl: 300, owner: owner)
                #expect(stored.bytes.withUnsafeBufferPointer { StoredPresence($0) } == stored)
            }
        }
    }

    @Test(
        arguments: [
            "", " ", "AAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAA 30", "AAAAAAAAAAAAAAAA 30 ", "AAAAAAAAAAAAAAAA 30 []",
            "AAAAAAAAAAAAAAA 30 {}", "AAAAAAAAAAAAAAAA,B 30 {}", "AAAAAAAAAAAAAAAA x {}", "AAAAAAAAAAAAAAAA -1 {}",
            "AAAAAAAAAAAAAAAA 30, {}", "AAAAAAAAAAAAAAAA 30,x {}", "AAAAAAAAAAAAAAAA,,AAAAAAAAAAAAAAAA 30 {}",
            "AAAAAAAAAAAAAAAA 30,a,b {}",
        ])
    func `A value that Rollcall does not write cannot be read`(_ text: String) {
        #expect(Array(text.utf8).withUnsafeBufferPointer { StoredPresence($0) } == nil)
    }

    @Test(arguments: ["room:lobby", "}", "{1}:x", "ü", "m:a"])
    func `A channel names its bucket and its topic`(_ name: String) throws {
        let keys = StoreKeys(prefix: "rc:")
        let topic = try Topic(name)
        #expect(keys.channel(of: topic) == "rc:{\(StoreKeys.bucket(of: topic))}:\(name)")
    }

    @Test func `Topics spread over all buckets`() throws {
        let counts = try (0..<12_800).reduce(into: [Int](repeating: 0, count: StoreKeys.buckets)) { counts, number in
            counts[StoreKeys.bucket(of: try Topic("room:\(number)"))] += 1
        }
        #expect(counts.allSatisfy { (50...150).contains($0) })
    }

    @Test func `An owner is 8 to 16 URL-safe characters and not the mark of a grace or of several owners`() {
        #expect(StreamOwner("-") == nil && StreamOwner("_shared_") == nil)
        #expect(StreamOwner("1234567") == nil)
        #expect(StreamOwner("12345678,") == nil)
        #expect(StreamOwner("A-_45678")?.text == "A-_45678")
        #expect(StreamOwner.random() != StreamOwner.random())
    }
}
