// Rollcall · PresenceStoreTests

import Logging
import NIOCore
import Redis
import TestSupport
import Testing

@testable import PresenceStore

@Suite("Tickets in Redis")
struct TicketTests {
    private let record = Array(#"{"topics":["room"]}"#.utf8)
    private let first = TicketUse(name: "ticket", tag: "first")
    private let second = TicketUse(name: "ticket", tag: "second")

    /// Milliseconds that the ticket has left.
    private func timeLeft(_ test: StoreUnderTest) async throws -> Int {
        try #require(try await test.redis("PTTL", test.store.keys.ticket(first.name)).int)
    }

    /// Ends the time of the ticket at once.
    private func expire(_ test: StoreUnderTest) async throws {
        try await test.redis("PEXPIRE", test.store.keys.ticket(first.name), 0)
    }

    // MARK: The store

    @Test func `A new ticket waits 60 seconds for its first use, and is read as it was written`() async throws {
        try await withStore { test in
            let now = Int64(try await test.now())
            let end = try await test.store.issueTicket(first.name, record)
            #expect((now + 60_000...now + 60_000 + 60_000 * Int64(patience)).contains(end))
            #expect((1...60_000).contains(try await timeLeft(test)))
            let stored = try #require(try await test.store.ticket(first.name))
            #expect(stored.record == record && stored.tag == nil)
            #expect(try await test.allKeys() == ["{ticket}:t"])
            #expect(try await test.store.ticket("another") == nil)
        }
    }

    @Test func `The first opening needs no tag, and each later one needs that of the opening before it`() async throws {
        try await withStore { test in
            _ = try await test.store.issueTicket(first.name, record)
            #expect(try await test.store.redeemTicket(first, lastTag: "any") == .done)
            #expect((60_001...120_000).contains(try await timeLeft(test)))
            for tag in [nil, "", "any", "second"] {
                #expect(try await test.store.redeemTicket(second, lastTag: tag) == .taken)
            }
            #expect(try await test.store.ticket(first.name)?.tag == "first")
            #expect(try await test.store.redeemTicket(second, lastTag: "first") == .done)
            #expect(try await test.store.redeemTicket(first, lastTag: "first") == .taken)
            #expect(try await test.store.ticket(first.name)?.tag == "second")
        }
    }

    @Test func `A ticket that was not used in time, and one that Redis lost, opens nothing`() async throws {
        try await withStore { test in
            _ = try await test.store.issueTicket(first.name, record)
            try await expire(test)
            #expect(try await test.store.ticket(first.name) == nil)
            #expect(try await test.store.redeemTicket(first, lastTag: nil) == .absent)
            #expect(try await test.allKeys() == [])
        }
    }

    @Test func `Reading a ticket changes nothing`() async throws {
        try await withStore { test in
            _ = try await test.store.issueTicket(first.name, record)
            try await test.redis("PEXPIRE", test.store.keys.ticket(first.name), 50_000)
            for _ in 0..<3 { #expect(try await test.store.ticket(first.name)?.tag == nil) }
            #expect(try await timeLeft(test) <= 50_000)
        }
    }

    @Test func `Each opening after the first is published, and an extension is not`() async throws {
        try await withStore { test in
            try await test.withMessages(onChannel: test.store.keys.tickets) { log in
                _ = try await test.store.issueTicket(first.name, record)
                _ = try await test.store.redeemTicket(first, lastTag: nil)
                _ = try await test.store.extendTickets([first])
                #expect(try await log.take() == [])
                _ = try await test.store.redeemTicket(second, lastTag: "wrong")
                _ = try await test.store.redeemTicket(second, lastTag: first.tag)
                #expect(try await log.take() == [second.message])
                #expect(TicketUse(ByteBuffer(string: second.message)) == second)
            }
        }
    }

    // MARK: The keeper

    @Test func `The ticket of an open stream is extended, and that of an ended one is not`() async throws {
        try await withStore { test in
            let keeper = try await open(first, lastTag: nil, test)
            for isOpen in [true, false] {
                if !isOpen { keeper.release(first) }
                try await test.redis("PEXPIRE", test.store.keys.ticket(first.name), 50_000)
                await keeper.extendDue(at: keeper.now + TicketKeeper.interval + 1)
                #expect((try await timeLeft(test) > 50_000) == isOpen)
            }
        }
    }

    @Test(arguments: [true, false])
    func `A later opening ends the earlier stream, by its message or else at the next extension`(
        isMessageLost: Bool
    ) async throws {
        try await withStore { test in
            let ends = Recorder<String>()
            let keeper = try await open(first, lastTag: nil, test, ends)
            #expect(try await test.store.redeemTicket(second, lastTag: first.tag) == .done)
            if isMessageLost {
                keeper.extendSoon()
                await keeper.extendDue(at: keeper.now)
            } else {
                keeper.receive(ByteBuffer(string: second.message))
            }
            #expect(ends.all == ["first"])
            keeper.receive(ByteBuffer(string: second.message))
            await keeper.extendDue(at: keeper.now + TicketKeeper.interval + 1)
            #expect(ends.all == ["first"])
        }
    }

    @Test func `A message about the opening itself, or one that is malformed, ends nothing`() async throws {
        try await withStore { test in
            let ends = Recorder<String>()
            let keeper = try await open(first, lastTag: nil, test, ends)
            for message in [first.message, "1:other:second", "2:ticket:second", "ticket:second", "1:ticket", ""] {
                keeper.receive(ByteBuffer(string: message))
            }
            #expect(ends.all.isEmpty)
        }
    }

    @Test func `A later stream of the same node ends the earlier one, and the end of that does not touch it`()
        async throws
    {
        try await withStore { test in
            let ends = Recorder<String>()
            let keeper = try await open(first, lastTag: nil, test, ends)
            _ = try await test.store.redeemTicket(second, lastTag: first.tag)
            keeper.hold(second) { ends.record("second") }
            #expect(ends.all == ["first"])
            keeper.release(first)
            try await test.redis("PEXPIRE", test.store.keys.ticket(first.name), 50_000)
            await keeper.extendDue(at: keeper.now + TicketKeeper.interval + 1)
            #expect(try await timeLeft(test) > 50_000)
        }
    }

    @Test func `A ticket that Redis lost ends no stream`() async throws {
        try await withStore { test in
            let ends = Recorder<String>()
            let keeper = try await open(first, lastTag: nil, test, ends)
            try await expire(test)
            for round in 1...3 { await keeper.extendDue(at: keeper.now + Double(round) * 31) }
            #expect(ends.all.isEmpty)
            #expect(try await test.store.redeemTicket(second, lastTag: first.tag) == .absent)
        }
    }

    @Test func `A ticket that cannot be extended keeps no other from its end`() async throws {
        try await withStore { test in
            let ends = Recorder<String>()
            let keeper = try await open(first, lastTag: nil, test, ends)
            _ = try await test.store.redeemTicket(second, lastTag: first.tag)
            for number in 1...20 {
                let broken = TicketUse(name: "broken\(number)", tag: "first")
                try await test.redis("SET", test.store.keys.ticket(broken.name), "another type")
                keeper.hold(broken) { ends.record(broken.name) }
            }
            keeper.extendSoon()
            await keeper.extendDue(at: keeper.now)
            #expect(ends.all == ["first"])
        }
    }

    /// Issues the ticket, redeems it and holds it, as a node does.
    private func open(
        _ use: TicketUse, lastTag: String?, _ test: StoreUnderTest, _ ends: Recorder<String> = Recorder()
    ) async throws -> TicketKeeper {
        _ = try await test.store.issueTicket(use.name, record)
        #expect(try await test.store.redeemTicket(use, lastTag: lastTag) == .done)
        let keeper = TicketKeeper(store: test.store, logger: .quiet)
        keeper.hold(use) { ends.record(use.tag) }
        return keeper
    }
}
