// Rollcall · Access

import Basics

/// Values of names: for exact names, and for all names that begin with a prefix.
///
/// Names are compared as bytes, without folding. An exact name beats every prefix, and a longer prefix a shorter one.
/// The two forms stand apart, because a name may end in any character, also in `*`.
package struct NamePatterns<Value: Sendable>: Sendable {
    private var exact: [[UInt8]: Value] = [:]
    /// The longest first.
    private var prefixes: [(bytes: [UInt8], value: Value)] = []

    package init() {}

    package var isEmpty: Bool { exact.isEmpty && prefixes.isEmpty }

    /// Sets the value of one name.
    mutating func set(_ value: Value, for name: String) { exact[Array(name.utf8)] = value }

    /// Sets the value of all names that begin with a prefix; the empty one begins all.
    mutating func set(_ value: Value, forPrefix prefix: String) {
        let bytes = Array(prefix.utf8)
        let index = prefixes.firstIndex { $0.bytes.count < bytes.count } ?? prefixes.endIndex
        prefixes.insert((bytes, value), at: index)
    }

    /// The value of a name; nil if no pattern matches it.
    package func value(of name: String) -> Value? {
        if !exact.isEmpty, let value = exact[Array(name.utf8)] { return value }
        return value(ofAll: name)
    }

    /// The value that a prefix gives to all names that begin with `start`; nil if no prefix covers them all.
    ///
    /// Some of these names may have another value; see ``hasOthers(within:)``.
    package func value(ofAll start: String) -> Value? {
        prefixes.first { start.utf8.starts(with: $0.bytes) }?.value
    }

    /// Whether an exact name or a longer prefix gives some names that begin with `start` a value of their own.
    package func hasOthers(within start: String) -> Bool {
        let start = Array(start.utf8)
        return prefixes.contains { $0.bytes.count > start.count && $0.bytes.starts(with: start) }
            || exact.keys.contains { $0.starts(with: start) }
    }

    /// Whether any pattern has a value that matches.
    package func contains(where matches: (Value) -> Bool) -> Bool {
        exact.values.contains(where: matches) || prefixes.contains { matches($0.value) }
    }
}
