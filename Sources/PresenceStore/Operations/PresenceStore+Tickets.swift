// Rollcall · PresenceStore

import NIOCore
import Redis

/// A ticket as Redis keeps it.
package struct StoredTicket: Sendable {
    package let record: [UInt8]
    /// The tag of the opening that has the ticket; nil before the first one.
    package let tag: String?
}

/// The result of ``PresenceStore/redeemTicket(_:lastTag:)``.
package enum TicketOutcome: Hashable, Sendable {
    /// The opening has the ticket.
    case done
    /// There is no such ticket.
    case absent
    /// Another opening has the ticket.
    case taken
}

extension PresenceStore {
    /// Seconds within which a ticket must be used first.
    package static let ticketFirstUse = 60
    /// Seconds that a ticket lasts after it was redeemed or extended.
    package static let ticketLease = 120

    /// Keeps a ticket for its first use; returns the end of the time for it, in ms on Redis's clock.
    ///
    /// Throws `outOfMemory` when Redis is full.
    package func issueTicket(_ name: String, _ record: [UInt8]) async throws(StoreError) -> Int64 {
        let reply = try StoreReply(
            timed: await writer(isSilent: true).call(
                StoreScripts.issue, [keys.ticket(name)], [.bytes(record), .integer(Self.ticketFirstUse * 1000)]))
        return reply.now + Int64(Self.ticketFirstUse) * 1000
    }

    /// Reads a ticket, and changes nothing; nil if there is none.
    package func ticket(_ name: String) async throws(StoreError) -> StoredTicket? {
        let value = try await connection().send("HMGET", [keys.ticket(name), "r", "tag"])
        guard let fields = value.elements, fields.count == 2 else { throw .unexpected(value) }
        return fields[0].buffer.map { StoredTicket(record: Array($0.readableBytesView), tag: fields[1].string) }
    }

    /// Gives a ticket to an opening of its stream, on any node; the stream of the opening before it ends.
    ///
    /// - Parameter lastTag: The tag that the client brings; only the first opening needs none.
    package func redeemTicket(_ use: TicketUse, lastTag: String?) async throws(StoreError) -> TicketOutcome {
        let call = redemption(of: use, lastTag: lastTag ?? "")
        return try Self.outcome(await writer().call(call.script, call.keys, call.arguments))
    }

    /// Extends the tickets of open streams, all in one pipeline.
    func extendTickets(_ uses: [TicketUse]) async throws(StoreError) -> [Result<TicketOutcome, StoreError>] {
        let values = try await renewer().pipeline(uses.map { redemption(of: $0, lastTag: $0.tag) })
        return values.map { value in Result { () throws(StoreError) in try Self.outcome(value) } }
    }

    private func redemption(of use: TicketUse, lastTag: String) -> ScriptCall {
        ScriptCall(
            script: StoreScripts.redeem, keys: [keys.ticket(use.name)],
            arguments: [
                .string(lastTag), .string(use.tag), .integer(Self.ticketLease * 1000), .string(keys.tickets),
                .string(use.message),
            ])
    }

    private static func outcome(_ value: RedisValue) throws(StoreError) -> TicketOutcome {
        var reply = try StoreReply(timed: value)
        switch try reply.int() {
        case 0: return .absent
        case 1: return .done
        default: return .taken
        }
    }
}
