// Rollcall · PresenceText

import Basics
import JSONText
package import PresenceModel

/// The presences of a topic as a list shows them: keys in byte order, those of one key in the order in which they were
/// added.
///
/// One array holds all text, without strings or entries: a list of ten thousand presences is read, sorted, written and
/// freed within a few milliseconds. A replica keeps a ``Roster`` instead.
package struct PresenceList: Sendable {
    private struct Row {
        let key: Range<Int>
        let ref: Ref
        let previous: Ref?
        let meta: Range<Int>
    }

    /// A row's place in the order.
    private struct Place {
        /// Eight bytes of the key after the common prefix of all keys, as a number: enough to compare most keys.
        let prefix: UInt64
        let row: Int
    }

    private var text: [UInt8] = []
    private var rows: [Row] = []
    /// The page that ``show(after:limit:)`` chose.
    private var order: [Place] = []

    /// - Parameters:
    ///   - capacity: The presences that the list holds without growing.
    ///   - textBytes: The bytes of keys and metas that the list holds without growing.
    package init(capacity: Int, textBytes: Int = 0) {
        rows.reserveCapacity(capacity)
        text.reserveCapacity(textBytes)
    }

    package init(_ roster: Roster) {
        self.init(capacity: roster.presenceCount)
        roster.forEachEntry { key, entry in
            let key = append(contentsOf: key.text.utf8)
            entry.forEach { _, presence in
                append(
                    key: key, ref: presence.ref, previous: presence.previous,
                    meta: append(contentsOf: presence.meta.shown))
            }
        }
    }

    /// Adds a presence by its stored member and its meta's text; returns false if `member` is no ``Member``.
    package mutating func append(
        member: UnsafeBufferPointer<UInt8>, ref: Ref, previous: Ref?, meta: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard let (key, session) = Member.split(member), Key.isValid(key), Session.isValid(session) else {
            return false
        }
        let name = append(contentsOf: key)
        let kept = SafeJSON.escaped(meta).map { append(contentsOf: $0) } ?? append(contentsOf: meta)
        append(key: name, ref: ref, previous: previous, meta: kept)
        return true
    }

    private mutating func append(key: Range<Int>, ref: Ref, previous: Ref?, meta: Range<Int>) {
        rows.append(Row(key: key, ref: ref, previous: previous, meta: meta))
    }

    private mutating func append(contentsOf bytes: some Collection<UInt8>) -> Range<Int> {
        let start = text.count
        text.append(contentsOf: bytes)
        return start..<text.count
    }
}

extension PresenceList {
    /// Chooses the page to show and sorts it: at most `limit` of the keys after `after`.
    ///
    /// The page is empty before the first call. Returns the last key of the page if more keys follow.
    package mutating func show(after: Key? = nil, limit: Int = .max) -> Key? {
        sort(after: after)
        var keys = 0
        var last: Key?
        for index in order.indices where beginsEntry(at: index) {
            guard keys == limit else {
                keys += 1
                continue
            }
            last = index > 0 ? key(at: index - 1) : nil
            order.removeSubrange(index...)
            break
        }
        return last
    }

    private mutating func sort(after: Key?) {
        order = text.withUnsafeBufferPointer { text in
            func key(_ row: Int) -> UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(rebasing: text[rows[row].key]) }
            var shown = Array(rows.indices)
            after?.text.utf8.withBytes { after in shown.removeAll { !precedes(after, key($0)) } }
            guard let first = shown.first else { return [] }
            let common = shown.reduce(rows[first].key.count) { min($0, firstDifference(key(first), key($1))) }
            // A short key is filled up with zeros. No key holds a zero, so a key sorts before those that begin with it.
            var order = shown.map { row in
                let bytes = key(row).dropFirst(common).prefix(8)
                let prefix = bytes.reduce(0 as UInt64) { $0 << 8 | UInt64($1) } << UInt64(8 * (8 - bytes.count))
                return Place(prefix: prefix, row: row)
            }
            order.sort { left, right in
                if left.prefix != right.prefix { return left.prefix < right.prefix }
                let (leftKey, rightKey) = (key(left.row), key(right.row))
                return precedes(leftKey, rightKey) || left.row < right.row && equalBytes(leftKey, rightKey)
            }
            return order
        }
    }

    /// The keys of the page, in their order.
    package var keys: [Key] {
        order.indices.compactMap { beginsEntry(at: $0) ? key(at: $0) : nil }
    }

    /// An estimate of the bytes of text on the page.
    var textBytes: Int { rows.isEmpty ? 0 : text.count / rows.count * count }

    /// The number of presences on the page.
    var count: Int { order.count }

    /// One presence; valid only during a visit.
    struct Item {
        let key: UnsafeBufferPointer<UInt8>
        /// Whether it is the first of its key.
        let isFirst: Bool
        /// Whether it is the last of its key.
        let isLast: Bool
        let ref: Ref
        let previous: Ref?
        let meta: UnsafeBufferPointer<UInt8>
    }

    /// Visits the presences of the page, in their order.
    func forEach(_ body: (Item) -> Void) {
        text.withUnsafeBufferPointer { text in
            var isFirst = true
            for index in order.indices {
                let row = rows[order[index].row]
                let isLast = beginsEntry(at: index + 1)
                body(
                    Item(
                        key: UnsafeBufferPointer(rebasing: text[row.key]), isFirst: isFirst, isLast: isLast,
                        ref: row.ref, previous: row.previous, meta: UnsafeBufferPointer(rebasing: text[row.meta])))
                isFirst = isLast
            }
        }
    }

    /// Whether the presences of a key begin at `index`, or the page ends there.
    private func beginsEntry(at index: Int) -> Bool {
        guard index > 0, index < order.count, order[index].prefix == order[index - 1].prefix else { return true }
        return text[rows[order[index].row].key] != text[rows[order[index - 1].row].key]
    }

    private func key(at index: Int) -> Key? {
        Key(utf8: text[rows[order[index].row].key])
    }
}
