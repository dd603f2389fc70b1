// Rollcall · Access

import Basics
import JSONText

/// Writes a JSON object for Redis, members in the order of the calls.
struct RecordWriter {
    private var json: [UInt8] = []
    private var separator = Separator(open: "{")

    mutating func member(_ name: StaticString, _ write: (inout [UInt8]) -> Void) {
        separator.write(to: &json)
        json.append(UInt8(ascii: "\""))
        json.append(literal: name)
        json.append(UInt8(ascii: "\""))
        json.append(UInt8(ascii: ":"))
        write(&json)
    }

    mutating func text(_ name: StaticString, _ value: String) { member(name) { $0.append(jsonString: value) } }

    /// Writes a hash in base64url.
    mutating func text(_ name: StaticString, _ hash: [UInt8]) {
        text(name, String(decoding: Base64URL.encode(hash), as: UTF8.self))
    }

    /// Writes a time in seconds since 1970, with all its digits; nil writes nothing.
    mutating func time(_ name: StaticString, _ seconds: Double?) {
        if let seconds { member(name) { $0.append(contentsOf: "\(seconds)".utf8) } }
    }

    mutating func finish() -> [UInt8] {
        separator.close("}", to: &json)
        return json
    }
}

extension JSON {
    /// The time in seconds since 1970, perhaps with a fraction; nil unless it is a number below 10^15.
    var seconds: Double? {
        guard let seconds = Double(String(decoding: compact, as: UTF8.self)), seconds.magnitude < 1e15 else {
            return nil
        }
        return seconds
    }
}
