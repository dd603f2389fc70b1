// Rollcall · PresenceModel

import Basics

/// `phx_ref`: 16 URL-safe characters, new at each change of the meta, compared only for equality.
package struct Ref: Hashable, Sendable, CustomStringConvertible {
    package static let length = 16

    /// The characters, the first in the most significant byte; a string would allocate memory.
    private let words: (high: UInt64, low: UInt64)

    /// Draws a ref of 96 random bits.
    package static func random() -> Ref {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    package static func random(using generator: inout some RandomNumberGenerator) -> Ref {
        Ref(words: (randomWord(using: &generator), randomWord(using: &generator)))
    }

    /// Reads 16 URL-safe characters; `nil` for anything else.
    package init?(utf8: UnsafeBufferPointer<UInt8>) {
        guard utf8.count == Self.length, utf8.allSatisfy(Base64URL.contains) else { return nil }
        let raw = UnsafeRawBufferPointer(utf8)
        words = (
            UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
            UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }

    package init?(utf8: some Sequence<UInt8>) {
        guard let ref = utf8.withBytes({ Ref(utf8: $0) }) else { return nil }
        self = ref
    }

    private init(words: (UInt64, UInt64)) {
        self.words = words
    }

    package var text: String {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    package var description: String { text }

    /// Appends the 16 characters, without quotes.
    package func write(to output: inout [UInt8]) {
        withUnsafeBytes(of: (words.high.bigEndian, words.low.bigEndian)) { output.append(contentsOf: $0) }
    }

    package static func == (left: Ref, right: Ref) -> Bool {
        left.words == right.words
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.high)
        hasher.combine(words.low)
    }

    /// Draws eight characters, 48 random bits; the first is in the most significant byte.
    private static func randomWord(using generator: inout some RandomNumberGenerator) -> UInt64 {
        let bits = generator.next()
        let alphabet = Base64URL.alphabet
        return (0..<8).reduce(0) { word, character in
            word << 8 | UInt64(alphabet[Int(truncatingIfNeeded: bits >> UInt64(6 * character)) & 63])
        }
    }
}
