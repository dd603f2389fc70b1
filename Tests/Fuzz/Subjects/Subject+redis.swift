// Rollcall · fuzz

import Access
import NIOCore
import PresenceModel
import PresenceFeed
import RandomInput

import PresenceStore
import Redis

/// Input from Redis.
extension Subject {
    /// RESP: cuts of a stream do not change the result, also if the stream is damaged.
    static let replies = Subject("replies") { round in
        var replies = RandomReply(seed: round.random.next(), hasLongStrings: false)
        let values = (0..<replies.number(1...4)).map { _ in replies.value() }
        var stream = ByteBuffer()
        for value in values { RandomReply.encode(value, into: &stream) }
        let bytes = Array(stream.readableBytesView)
        try round.feed(bytes) { round, bytes in
            let read = try Read(round.random.cut(bytes))
            try round.expect(read == Read(values: values), "replies are not read as they were written: \(read)")
            return true
        }
        try round.damage(bytes, "*$+-:0123456789\r\n") { round, bytes in
            let (whole, cut) = (try Read([bytes[...]]), try Read(round.random.cut(bytes)))
            try round.expect(whole == cut, "a cut stream is read differently: \(whole), \(cut)")
            return !whole.isRefused
        }
    }

    /// The result of reading a stream.
    private struct Read: Equatable {
        var values: [RedisValue] = []
        var isRefused = false

        init(values: [RedisValue]) { self.values = values }

        init(_ pieces: [ArraySlice<UInt8>]) throws {
            var limits = RedisReplyLimits()
            (limits.bytes, limits.elements) = (1 << 20, 10_000)
            var reader = try RedisReader(limits: limits)
            do throws(RedisError) {
                for piece in pieces {
                    var buffer = ByteBuffer(bytes: piece)
                    while let value = try reader.next(&buffer) { values.append(value) }
                }
            } catch {
                isRefused = true
            }
        }
    }

    /// Messages on pub/sub: read to the last byte or refused.
    static let messages = Subject("messages") { round in
        let records = (0..<round.random.below(4)).map { _ in
            round.random.chance(60)
                ? FeedMessage.Record.set(round.random.member(), round.random.stored())
                : .leave(round.random.member(), round.random.pick([.untracked, .removed, .closed, .expired, .evicted]))
        }
        let message = FeedMessage(
            cursor: round.random.cursor(), isWholeState: round.random.chance(30), records: records)
        try round.feed(message.bytes) { round, bytes in
            let read = FeedMessage(ByteBuffer(bytes: bytes))
            try round.expect(read?.bytes == bytes, "a message is not read as it was written")
            return true
        }
        try round.damage(message.bytes, "1:+-*urcxe0123456789 ,{}") { round, bytes in
            guard let read = FeedMessage(ByteBuffer(bytes: bytes)) else { return false }
            let again = FeedMessage(ByteBuffer(bytes: read.bytes))
            try round.expect(again?.bytes == read.bytes, "an accepted message is not read again")
            try round.expect(read.bytes.count <= bytes.count, "a message holds more than its bytes")
            return true
        }
    }

    /// Values as Redis keeps them: an accepted value has one text.
    static let values = Subject("values") { round in
        let stored = round.random.stored()
        try round.feed(stored.bytes) { round, bytes in
            let read = bytes.withUnsafeBufferPointer { StoredPresence($0) }
            try round.expect(read == stored, "a value is not read as it was written")
            return true
        }
        try round.damage(stored.bytes, ", -{}0123456789AZ") { round, bytes in
            guard let read = bytes.withUnsafeBufferPointer({ StoredPresence($0) }) else { return false }
            try round.expect(read.bytes == bytes, "an accepted value is written differently")
            return true
        }
    }

    /// Notifications of changed data.
    static let invalidations = Subject("invalidations") { round in
        let keys = (0..<round.random.below(5) + 1).map { _ in round.random.key() }
        let message = Array(Invalidation.message(keys).utf8)
        try round.feed(message) { round, bytes in
            try round.expect(Invalidation.keys(ByteBuffer(bytes: bytes)) == keys, "keys are not read as written")
            return true
        }
        try round.damage(message, "1:\u{1F}ab") { round, bytes in
            let read = Invalidation.keys(ByteBuffer(bytes: bytes))
            let again = Invalidation.keys(ByteBuffer(string: Invalidation.message(read)))
            try round.expect(again == read, "accepted keys are not read again")
            return !read.isEmpty
        }
    }

    /// Records of tickets: read as they were written, or refused.
    static let tickets = Subject("tickets") { round in
        let meta = round.random.chance(50) ? Meta(stored: Array(#"{"n":[1e400,"\u00fc"]}"#.utf8)) : nil
        let presence = TicketPresence(member: round.random.member(), meta: meta, grace: round.random.below(60))
        let ticket = Ticket(
            of: .open, at: 0, topics: [round.random.topic()], isOfManyTopics: round.random.chance(30), see: .keys,
            presence: round.random.chance(50) ? presence : nil, origin: round.random.chance(50) ? "https://a" : nil)
        let record = try ticket.record()
        try round.feed(record) { round, bytes in
            let again = try Ticket(record: bytes)?.record()
            try round.expect(again == record, "a record is not read as it was written")
            return true
        }
        try round.damage(record, #"{}[]":,\0truefalse"#) { _, bytes in Ticket(record: bytes) != nil }
    }

    /// Records of revocations: read as they were written, or refused.
    static let revocations = Subject("revocations") { round in
        let (member, topic) = (round.random.member(), round.random.topic())
        let target = round.random.pick([
            Revocation.Target.subject(member.key), .token(member.session.text), .apiKey("backend1"),
            .removed(member.key, nil, from: topic), .removed(member.key, member.session, from: topic),
        ])
        let revocation = Revocation(
            target, at: Double(round.random.below(2_000_000_000)) / 7,
            issuedBefore: round.random.chance(50) ? 1_800_000_000.5 : nil,
            refuseUntil: round.random.chance(50) ? 1_900_000_000 : nil)
        let record = revocation.record()
        try round.feed(record) { round, bytes in
            let read = Revocation(id: revocation.id, record: bytes)
            try round.expect(read == revocation, "a record is not read as it was written")
            return true
        }
        try round.damage(record, #"{}[]":,\0123456789eE.-null"#) { round, bytes in
            guard let read = Revocation(id: revocation.id, record: bytes) else { return false }
            let again = Revocation(id: revocation.id, record: read.record())
            try round.expect(again == read, "an accepted record is not read again")
            return true
        }
    }
}
