// Rollcall · PresenceFeed

import Basics
package import NIOCore
package import PresenceModel
package import PresenceStore

/// One pub/sub message of a topic: the cursor that it moves the topic to, and the changes on the way.
///
/// The text is `1:<epoch>:<seq>:` followed by an optional `*` and length-prefixed records; `docs/redis-model.md` has
/// the grammar. Bytes come from the network, so every length is checked before it is believed.
package struct FeedMessage: Sendable {
    /// One change, applied in the order of the message.
    package enum Record: Sendable {
        /// The member now has this presence: a join or an update, which only a replica can distinguish.
        case set(Member, StoredPresence)
        /// The member is gone.
        case leave(Member, LeaveReason)
    }

    package let cursor: Cursor
    /// The topic was empty before this message, so its records alone are the whole state.
    package let isWholeState: Bool
    package let records: [Record]

    package init(cursor: Cursor, isWholeState: Bool = false, records: [Record]) {
        self.cursor = cursor
        self.isWholeState = isWholeState
        self.records = records
    }

    /// About the bytes that the message takes in memory.
    var bytes: Int {
        records.reduce(64) { sum, record in
            switch record {
            case .set(let member, let stored):
                sum + 160 + member.key.text.utf8.count + member.session.text.utf8.count
                    + stored.presence.meta.json.count
            case .leave(let member, _): sum + 96 + member.key.text.utf8.count + member.session.text.utf8.count
            }
        }
    }

    /// Parses a message; nil for anything that the grammar does not allow, to the last byte.
    package init?(_ buffer: ByteBuffer) {
        let parsed: FeedMessage? = buffer.withBytes { bytes in
            var scanner = Scanner(bytes: bytes)
            return FeedMessage(&scanner)
        }
        guard let parsed else { return nil }
        self = parsed
    }

    private init?(_ scanner: inout Scanner) {
        guard
            scanner.skip("1"), scanner.skip(":"),
            let epoch = scanner.text(until: ":"), let seq = scanner.text(until: ":"),
            let cursor = Cursor("\(epoch)-\(seq)"), !cursor.isEmpty
        else { return nil }
        self.cursor = cursor
        self.isWholeState = scanner.skip("*")
        var records: [Record] = []
        while !scanner.isAtEnd {
            guard let record = scanner.record() else { return nil }
            records.append(record)
        }
        self.records = records
    }
}

extension FeedMessage {
    /// Reads the grammar's pieces; every method returns nil, and the message is refused, where a piece is malformed.
    private struct Scanner {
        private let bytes: UnsafeBufferPointer<UInt8>
        private var position = 0

        init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

        var isAtEnd: Bool { position == bytes.count }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard !isAtEnd, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        mutating func text(until end: Unicode.Scalar) -> String? {
            guard let stop = bytes[position...].prefix(21).firstIndex(of: UInt8(ascii: end)) else { return nil }
            defer { position = stop + 1 }
            return String(decoding: bytes[position..<stop], as: UTF8.self)
        }

        /// Reads a decimal length, at most the number of bytes of the message, and the colon behind it.
        private mutating func length() -> Int? {
            var value = 0
            let start = position
            while position < bytes.count, case let digit = bytes[position], (0x30...0x39).contains(digit) {
                value = value * 10 + Int(digit - 0x30)
                guard value <= bytes.count else { return nil }
                position += 1
            }
            guard position > start, skip(":") else { return nil }
            return value
        }

        private mutating func take(_ count: Int) -> UnsafeBufferPointer<UInt8>? {
            guard count <= bytes.count - position else { return nil }
            defer { position += count }
            return UnsafeBufferPointer(rebasing: bytes[position..<position + count])
        }

        mutating func record() -> Record? {
            if skip("+") {
                guard
                    let memberLength = length(), let valueLength = length(),
                    let member = take(memberLength).flatMap({ Member(bytes: $0) }),
                    let stored = take(valueLength).flatMap({ StoredPresence($0) })
                else { return nil }
                return .set(member, stored)
            }
            guard skip("-"), let reason = reason(), let memberLength = length(),
                let member = take(memberLength).flatMap({ Member(bytes: $0) })
            else { return nil }
            return .leave(member, reason)
        }

        private mutating func reason() -> LeaveReason? {
            if skip("u") { return .untracked }
            if skip("r") { return .removed }
            if skip("c") { return .closed }
            if skip("x") { return .expired }
            return skip("e") ? .evicted : nil
        }
    }
}
