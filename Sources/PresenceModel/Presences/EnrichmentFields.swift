// Rollcall · PresenceModel

import Basics
import JSONText

/// The fields that the fetch hook adds beside the metas of keys, as JSON text that is ready to be inserted.
package struct EnrichmentFields: Equatable, Sendable {
    /// Nothing is added to any key.
    package static let none = EnrichmentFields()

    private var texts: [Key: [UInt8]] = [:]
    /// Keys for which the hook got no data or only old data; their text ends in `,"enriched":false`.
    package private(set) var incomplete: Set<Key> = []

    package init() {}

    /// Whether nothing is added to any key.
    package var isEmpty: Bool { texts.isEmpty }

    /// The raw text that follows a key's metas, beginning with a comma: `,"user":{…}`; `nil` if there is none.
    package subscript(key: Key) -> [UInt8]? { texts[key] }

    /// A hash of the content, the same on every node: the sum of FNV-1a of each key with its text.
    package var fingerprint: UInt64 {
        texts.reduce(0) { sum, element in
            sum &+ FNV1a.hash(element.value, after: FNV1a.hash(element.key.text.utf8))
        }
    }

    /// Sets the fields of a key.
    ///
    /// - Parameters:
    ///   - fields: Names and compact JSON, in the order in which they are written.
    ///   - isComplete: False where the hook failed: the entry then has `"enriched":false`.
    package mutating func set(_ fields: [(name: String, json: [UInt8])], isComplete: Bool = true, for key: Key) {
        var text: [UInt8] = []
        for (name, json) in fields {
            text.append(UInt8(ascii: ","))
            text.append(jsonString: name)
            text.append(UInt8(ascii: ":"))
            text.append(contentsOf: json)
        }
        if !isComplete {
            text.append(literal: #","enriched":false"#)
            incomplete.insert(key)
        }
        texts[key] = text.isEmpty ? nil : text
    }
}
