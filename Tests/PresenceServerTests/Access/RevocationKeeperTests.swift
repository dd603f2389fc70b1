// Rollcall · PresenceServerTests

import Access
import Foundation
import Logging
import PresenceModel
import PresenceServer
import PresenceStore
import Redis
import TestSupport
import Testing

@Suite("The keeper of revocations")
struct RevocationKeeperTests {
    /// A node as far as revocations go.
    private struct Node: Sendable {
        let credentials = Credentials(Credentials.Keys(), isOpen: false, readsRevocations: true)
        let keeper: RevocationKeeper
        /// The ids that the node passed on as new.
        let new = Recorder<String>()
        let log: Recorder<String>

        init(_ store: PresenceStore, log: Recorder<String> = Recorder()) {
            self.log = log
            keeper = RevocationKeeper(store: store, credentials: credentials, logger: log.logger) { [new] in
                for revocation in $0.all { new.record(revocation.id) }
            }
        }

        /// The ids of all that the node knows.
        var known: Set<String> { Set(credentials.revocations.all.map(\.id)) }
    }

    private let alice: Key

    init() throws { alice = try Key("alice") }

    private func revocation() -> Revocation {
        let now = Date().timeIntervalSince1970
        return Revocation(.subject(alice), at: now, issuedBefore: now)
    }

    private func withNodes(
        _ body: @Sendable (_ one: Node, _ two: Node, TestServer) async throws -> Void
    ) async throws {
        try await withServer { server in
            let (one, two) = (Node(server.store), Node(server.store))
            for node in [one, two] { await node.keeper.readNow() }
            try await body(one, two, server)
        }
    }

    private func redis(_ server: TestServer, _ name: String, _ arguments: RedisArgument...) async throws {
        _ = try await server.pool.connection().send(RedisCommand(name, arguments))
    }

    @Test func `A node knows its own revocation at once, and that of another at its next reading`() async throws {
        try await withNodes { one, two, _ in
            #expect(!one.credentials.awaitsRevocations && one.known.isEmpty)
            let revocation = revocation()
            #expect(try await one.keeper.make(revocation))
            #expect(one.known == [revocation.id] && one.new.all == [revocation.id] && two.known.isEmpty)
            await two.keeper.readNow()
            #expect(two.known == [revocation.id] && two.new.all == [revocation.id])
            try await two.keeper.lift(revocation.id)
            #expect(two.known.isEmpty)
            await one.keeper.readNow()
            #expect(one.known.isEmpty && one.new.all.count == 1)
            #expect(try await one.keeper.list().isEmpty)
        }
    }

    @Test func `What Redis lost is put back by each node that knows it, and what was lifted is not`() async throws {
        try await withNodes { one, two, server in
            let (lost, lifted, later) = (revocation(), revocation(), revocation())
            for each in [lost, lifted] { #expect(try await one.keeper.make(each)) }
            await two.keeper.readNow()
            try await one.keeper.lift(lifted.id)
            await two.keeper.readNow()
            try await redis(server, "DEL", .string(server.store.keys.revocations))
            // Another one comes before any node notices the loss.
            _ = try await server.store.keepRevocations([(id: later.id, record: later.record())])
            await two.keeper.readNow()
            #expect(two.known == [lost.id, later.id])
            #expect(two.new.all.sorted() == [lost.id, lifted.id, later.id].sorted())
            #expect(Set(try await one.keeper.list().map(\.id)) == [lost.id, later.id])
            #expect(two.log.all.contains { $0.contains("revocations put back") })
        }
    }

    @Test func `A node that has just started puts nothing back`() async throws {
        try await withNodes { one, _, server in
            #expect(try await one.keeper.make(revocation()))
            try await redis(server, "DEL", .string(server.store.keys.revocations))
            let three = Node(server.store)
            await three.keeper.readNow()
            #expect(three.known.isEmpty && !three.credentials.awaitsRevocations)
            await one.keeper.readNow()
            await three.keeper.readNow()
            #expect(three.known == one.known && three.known.count == 1)
        }
    }

    @Test func `Without Redis a node knows nothing yet, and knows all as soon as Redis answers`() async throws {
        try await withServer { server in
            let revocation = revocation()
            _ = try await server.store.keepRevocations([(id: revocation.id, record: revocation.record())])
            try await withServer(redis: "redis+unix:///nonexistent/redis.sock", isReachable: false) { away in
                let node = Node(away.store)
                await node.keeper.readNow()
                #expect(node.credentials.awaitsRevocations)
                #expect(node.log.all.contains { $0.contains("access: reading of revocations fails") })
            }
            let node = Node(server.store)
            await node.keeper.readNow()
            #expect(node.known == [revocation.id])
        }
    }

    @Test func `An entry that cannot be read has no effect, is logged, and hides no other`() async throws {
        try await withNodes { one, _, server in
            let revocation = revocation()
            _ = try await server.store.keepRevocations([
                (id: "AAAAAAAAAAAAAAAA", record: Array("{}".utf8)),
                (id: revocation.id, record: revocation.record()),
            ])
            await one.keeper.readNow()
            #expect(one.known == [revocation.id])
            let line = one.log.all.first { $0.contains("revocation cannot be read") }
            #expect(line?.contains("AAAAAAAAAAAAAAAA") == true)
        }
    }

    @Test func `An ended revocation is not listed, and the running keeper drops it half a minute later`() async throws {
        try await withNodes { one, two, server in
            let now = Date().timeIntervalSince1970
            let room = try Topic("room")
            let recent = Revocation.removal(of: alice, nil, from: room, at: now - 61)
            let old = Revocation.removal(of: alice, nil, from: room, at: now - 3600)
            for each in [recent, old] { #expect(try await one.keeper.make(each)) }
            #expect(try await one.keeper.list().isEmpty && one.known == [recent.id, old.id])
            let running = Task { try await two.keeper.run() }
            try await eventually("the end of the old one") {
                try await server.store.revocations(unless: nil)?.records.keys.contains(old.id) == false
            }
            let left = try await server.store.revocations(unless: nil)?.records
            running.cancel()
            _ = await running.result
            // It ended a second before the test. On a machine that paused for half a minute the keeper may drop it.
            #expect(left?.keys.contains(recent.id) == true || Date().timeIntervalSince1970 > now + 29)
        }
    }
}
