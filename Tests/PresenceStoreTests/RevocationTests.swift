// Rollcall · PresenceStoreTests

import Redis
import TestSupport
import Testing

@testable import PresenceStore

@Suite("Revocations in Redis")
struct RevocationTests {
    private func records(_ names: String...) -> [(id: String, record: [UInt8])] {
        names.map { (id: $0, record: Array("record of \($0)".utf8)) }
    }

    @Test func `Revocations are read as they were written, and only once until they change`() async throws {
        try await withStore { test in
            let none = try #require(try await test.store.revocations(unless: nil))
            #expect(none.records.isEmpty && none.version.source.dataSet == "" && none.version.number == 0)
            #expect(try await test.store.keepRevocations(records("one", "two")))
            let both = try #require(try await test.store.revocations(unless: none.version))
            #expect(both.records == ["one": Array("record of one".utf8), "two": Array("record of two".utf8)])
            #expect(both.version.number == 1 && !both.version.source.dataSet.isEmpty)
            #expect(try await test.store.revocations(unless: both.version) == nil)
            try await test.store.liftRevocation("one")
            let left = try #require(try await test.store.revocations(unless: both.version))
            #expect(Array(left.records.keys) == ["two"] && left.version.number == 2)
            #expect(left.version.source == both.version.source)
            #expect(try await test.allKeys() == ["revoked"])
        }
    }

    @Test func `A revocation that is there stays as it is`() async throws {
        try await withStore { test in
            _ = try await test.store.keepRevocations(records("one"))
            #expect(try await test.store.keepRevocations([("one", [1]), ("two", [2])]))
            let stored = try #require(try await test.store.revocations(unless: nil))
            #expect(stored.records == ["one": Array("record of one".utf8), "two": [2]])
        }
    }

    @Test func `A hash that Redis lost has another name`() async throws {
        try await withStore { test in
            _ = try await test.store.keepRevocations(records("one"))
            let before = try #require(try await test.store.revocations(unless: nil))
            try await test.redis("DEL", .string(test.store.keys.revocations))
            let lost = try #require(try await test.store.revocations(unless: before.version))
            #expect(lost.records.isEmpty && lost.version.source != before.version.source)
            _ = try await test.store.keepRevocations(records("two"))
            let after = try #require(try await test.store.revocations(unless: lost.version))
            #expect(![before, lost].map(\.version.source).contains(after.version.source))
        }
    }

    @Test func `Each change is published, and the end of revocations is not`() async throws {
        try await withStore { test in
            try await test.withMessages(onChannel: test.store.keys.revocationChannel) { log in
                _ = try await test.store.keepRevocations(records("one", "two"))
                #expect(try await log.take() == ["1"])
                try await test.store.liftRevocation("one")
                #expect(try await log.take() == ["1"])
                try await test.store.liftRevocation("one")
                try await test.store.dropRevocations(["two"])
                #expect(try await log.take() == [])
            }
            let stored = try #require(try await test.store.revocations(unless: nil))
            #expect(stored.records.isEmpty && stored.version.number == 2)
        }
    }

    @Test func `Redis keeps 10,000 revocations, and more only if it had lost them`() async throws {
        try await withStore { test in
            let most = PresenceStore.maximumRevocations
            #expect(most == 10_000)
            #expect(try await test.store.keepRevocations((1..<most).map { ("\($0)", [1]) }))
            #expect(try await !test.store.keepRevocations(records("one", "two")))
            #expect(try await test.store.keepRevocations(records("one")))
            #expect(try await !test.store.keepRevocations(records("two")))
            #expect(try await test.store.revocations(unless: nil)?.records.count == most)
            #expect(try await test.store.keepRevocations(records("two"), most: nil))
            try await test.store.dropRevocations(["one", "two"])
            #expect(try await test.store.keepRevocations(records("two")))
        }
    }
}
