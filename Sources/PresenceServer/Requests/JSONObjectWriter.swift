// Rollcall · PresenceServer

import Basics
import JSONText
import PresenceModel

/// Writes one JSON object as bytes, members in the order of the calls.
///
/// All answers use it instead of `Codable`: metas are raw bytes, and it is an order of magnitude faster.
struct JSONObjectWriter {
    private var bytes: [UInt8]
    private var isEmpty = true

    /// Begins an object, with room for most answers.
    init() {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(384)
        self.init(appendingTo: bytes)
    }

    /// Begins an object behind the given bytes.
    init(appendingTo bytes: consuming [UInt8]) {
        // Before the assignment: it may leave a second reference, and an append would then copy everything.
        bytes.append(UInt8(ascii: "{"))
        self.bytes = bytes
    }

    mutating func string(_ name: StaticString, _ value: String) {
        self.name(name)
        self.bytes.append(jsonString: value)
    }

    mutating func int(_ name: StaticString, _ value: Int) {
        self.name(name)
        self.bytes.append(decimal: value)
    }

    mutating func bool(_ name: StaticString, _ value: Bool) {
        self.name(name)
        self.bytes.append(literal: value ? "true" : "false")
    }

    /// Writes a point in time, given in milliseconds since 1970, as RFC 3339 in UTC.
    mutating func time(_ name: StaticString, _ milliseconds: Int64) {
        self.name(name)
        self.bytes.append(UInt8(ascii: "\""))
        Timestamp(milliseconds: milliseconds).write(to: &self.bytes)
        self.bytes.append(UInt8(ascii: "\""))
    }

    /// Writes a point in time, given in seconds since 1970, as ``time(_:_:)`` does, or the nearest that can be written.
    mutating func time(_ name: StaticString, seconds: Double) {
        let range = Timestamp.writable
        self.time(name, min(max(Int64((seconds * 1000).rounded()), range.lowerBound), range.upperBound))
    }

    /// Writes a member; the closure appends its value as JSON text.
    mutating func raw(_ name: StaticString, _ write: (inout [UInt8]) -> Void) {
        self.name(name)
        write(&self.bytes)
    }

    /// Writes an object.
    mutating func object(_ name: StaticString, _ write: (inout JSONObjectWriter) -> Void) {
        self.name(name)
        var object = JSONObjectWriter(appendingTo: exchange(&self.bytes, with: []))
        write(&object)
        self.bytes = object.finish()
    }

    /// Writes an array of objects.
    mutating func array<Element>(
        _ name: StaticString, _ elements: some Sequence<Element>,
        _ write: (Element, inout JSONObjectWriter) throws -> Void
    ) rethrows {
        self.name(name)
        self.bytes.append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { self.bytes.append(UInt8(ascii: ",")) }
            isFirst = false
            var object = JSONObjectWriter(appendingTo: exchange(&self.bytes, with: []))
            try write(element, &object)
            self.bytes = object.finish()
        }
        self.bytes.append(UInt8(ascii: "]"))
    }

    /// Ends the object.
    ///
    /// - Returns: The bytes that it was appended to, with the object at their end. The writer keeps none.
    mutating func finish() -> [UInt8] {
        self.bytes.append(UInt8(ascii: "}"))
        return exchange(&self.bytes, with: [])
    }

    private mutating func name(_ name: StaticString) {
        if !self.isEmpty { self.bytes.append(UInt8(ascii: ",")) }
        self.isEmpty = false
        self.bytes.append(UInt8(ascii: "\""))
        self.bytes.append(literal: name)
        self.bytes.append(UInt8(ascii: "\""))
        self.bytes.append(UInt8(ascii: ":"))
    }
}
