// Rollcall · PresenceStoreTests

import JSONText
import PresenceModel
import Redis
import Synchronization
import TestSupport

@testable import PresenceStore

extension Member {
    init(_ key: String, _ session: String = "s1") throws {
        self.init(key: try Key(key), session: try Session(session))
    }

    /// The length prefix of the member in a message.
    var record: String { "\(bytes.count):" }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Meta {
    init(_ text: String) throws {
        try self.init(JSON(parsing: text), limit: 4096)
    }

    var text: String { String(decoding: json, as: UTF8.self) }
}

extension Topic {
    /// A topic; each test has its own prefix, so tests may share the name.
    static func sample(_ name: String = "room") throws -> Topic { try Topic(name) }
}

extension StreamOwner {
    init?(_ text: String) {
        guard let owner = Array(text.utf8).withUnsafeBufferPointer({ StreamOwner(utf8: $0) }) else { return nil }
        self = owner
    }
}

extension LeaseKeeper {
    /// The number of bindings: one for each presence and stream.
    var count: Int { state.withLock { $0.book.count } }
}

extension PresenceStore {
    /// Renews presences of one topic, as the lease keeper does; returns those that were not renewed.
    func renew(
        _ members: [(member: Member, owner: StreamOwner)], on topic: Topic, lease: Int
    ) async throws -> [FailedLeaseRenewal] {
        let renewal = LeaseRenewal(
            topic: topic, lease: lease, members: members,
            arguments: members.flatMap { [.bytes($0.member.bytes), .string($0.owner.text)] })
        return try await renew([renewal])[0].get()
    }
}

extension TrackOutcome {
    var isCreated: Bool { if case .created = self { true } else { false } }
    var isChanged: Bool { if case .changed = self { true } else { false } }
    var isUnchanged: Bool { if case .unchanged = self { true } else { false } }
}

extension StoreUnderTest {
    /// Tracks one member, over REST unless there is an owner.
    @discardableResult
    func track(
        _ member: Member, on topic: Topic, _ meta: String? = nil, ttl: Int? = nil, owner: StreamOwner? = nil
    ) async throws -> Receipt {
        let item = TrackItem(member: member, meta: try meta.map { try Meta($0) }, ttl: ttl)
        let outcome = try await store.track([item], on: topic, mode: .put, owner: owner)[0]
        guard let receipt = outcome.receipt else { throw StoreError(.corrupt, "\(outcome)") }
        return receipt
    }

    /// Untracks one member.
    @discardableResult
    func untrack(_ member: Member, on topic: Topic, condition: RefCondition? = nil) async throws -> UntrackOutcome {
        try await store.untrack([UntrackItem(member: member, condition: condition)], on: topic)[0]
    }

    /// Sends one heartbeat.
    @discardableResult
    func heartbeat(
        _ member: Member, on topic: Topic, ttl: Int? = nil, condition: RefCondition? = nil
    ) async throws -> HeartbeatOutcome {
        let item = HeartbeatItem(member: member, ttl: ttl, condition: condition)
        return try await store.heartbeat([item], on: topic)[0]
    }
}
