// Rollcall · PhoenixSocket

import Basics

extension Base64URL {
    /// Decodes base64 in either alphabet (RFC 4648 §4 and §5), with padding or without; nil for any other text.
    static func decode(anyAlphabet text: some Collection<UInt8>) -> [UInt8]? {
        var characters = text.map { character -> UInt8 in
            switch character {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: character
            }
        }
        while characters.last == UInt8(ascii: "=") { characters.removeLast() }
        return decode(characters)
    }
}
