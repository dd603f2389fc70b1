// Rollcall · fuzz

import PresenceModel
import RandomInput

/// Names, members and cursors.
extension Subject {
    /// Keys: accepted exactly by the rule of the contract.
    static let names = Subject("names") { round in
        let name = Array(round.random.name().utf8)
        try round.feed(name) { round, bytes in
            try round.expect(Key(utf8: bytes)?.text.utf8.elementsEqual(bytes) == true, "a name is refused")
            return true
        }
        try round.damage(name, "aü😀\u{7F}\u{85}\u{A0}\n") { round, bytes in
            let key = Key(utf8: bytes)
            try round.expect((key != nil) == isName(bytes), "a name is not judged by the rule")
            let member = (bytes + [0x1F] + Array("tab".utf8)).withUnsafeBufferPointer { Member(bytes: $0) }
            try round.expect(member?.key == key, "a member and its key are read differently")
            return key != nil
        }
    }

    /// 1 to 256 bytes of UTF-8 without control characters.
    private static func isName(_ bytes: [UInt8]) -> Bool {
        guard (1...256).contains(bytes.count), let text = String(validating: bytes, as: UTF8.self) else { return false }
        return !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
    }

    /// Cursors: each has one text.
    static let cursors = Subject("cursors") { round in
        let cursor = round.random.chance(5) ? .empty : round.random.cursor()
        let text = Array(cursor.description.utf8)
        try round.feed(text) { round, bytes in
            try round.expect(Cursor(cursor.description) == cursor, "a cursor is not read as it was written")
            return true
        }
        try round.damage(text, "-0123456789abcdefABF+ ") { round, bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            guard let read = Cursor(text) else { return false }
            try round.expect(
                read.description.utf8.elementsEqual(text.utf8), "an accepted cursor is written differently")
            return true
        }
    }
}
