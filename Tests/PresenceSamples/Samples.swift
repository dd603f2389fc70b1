// Rollcall · PresenceSamples

package import PresenceModel

package func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self)
}

package func member(_ key: String, _ session: String = "tab") throws -> Member {
    Member(key: try Key(key), session: try Session(session))
}

/// A readable ref: `r1` is `r1--------------`.
package func ref(_ name: String) throws -> Ref {
    let text = name + String(repeating: "-", count: max(0, Ref.length - name.utf8.count))
    guard let ref = Ref(utf8: text.utf8) else { throw UnusableSample(text: name) }
    return ref
}

/// - Parameter meta: A JSON object, without white space.
package func presence(_ name: String, after previous: String? = nil, _ meta: String = "{}") throws -> Presence {
    Presence(ref: try ref(name), previous: try previous.map { try ref($0) }, meta: Meta(stored: Array(meta.utf8)))
}

/// A text of a test that is no ref.
private struct UnusableSample: Error {
    let text: String
}

extension Roster {
    package mutating func apply(_ change: Change) {
        if let after = change.after {
            set(after, for: change.member)
        } else {
            remove(change.member)
        }
    }
}
