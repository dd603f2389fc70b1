// Rollcall · PresenceServer

import Foundation

/// A host with an optional port, as in `Host` and in the authority of a URL (RFC 3986 §3.2), without user information.
struct Authority: Hashable, Sendable {
    /// In lower case; an IPv6 address keeps its brackets.
    let host: String
    let port: Int?

    init(host: String, port: Int?) {
        self.host = host
        self.port = port
    }

    /// Returns nil for a text that is not an authority.
    init?(_ text: some StringProtocol) {
        let text = Substring(text)
        guard let end = Self.endOfHost(in: text.utf8) else { return nil }
        host = text[..<end].lowercased()
        let rest = text[end...].dropFirst()
        guard rest.isEmpty || rest.count <= 5, rest.isEmpty || Int(rest).map({ $0 <= 65_535 }) == true else {
            return nil
        }
        port = Int(rest)
    }

    /// Whether a text is an authority; makes no copies, because it runs for every request.
    static func isValid(_ text: String) -> Bool {
        guard let end = endOfHost(in: text.utf8) else { return false }
        return text.utf8[end...].dropFirst().reduce(0) { min($0 * 10 + Int($1) - 48, 99_999) } <= 65_535
    }

    /// The end of the host; nil unless the text is a host, or a host with a colon and digits behind it.
    private static func endOfHost<Text: BidirectionalCollection<UInt8>>(in text: Text) -> Text.Index? {
        var end = text.startIndex
        if text.first == UInt8(ascii: "[") {
            guard let bracket = text.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let inside = text[text.index(after: end)..<bracket]
            guard inside.contains(UInt8(ascii: ":")), inside.allSatisfy({ isHex($0) || $0 == 0x3A || $0 == 0x2E })
            else { return nil }
            end = text.index(after: bracket)
        } else {
            while end != text.endIndex, isNameByte(text[end]) { end = text.index(after: end) }
        }
        guard end != text.endIndex else { return end }
        guard text[end] == UInt8(ascii: ":"),
            text[text.index(after: end)...].allSatisfy({ (0x30...0x39).contains($0) })
        else { return nil }
        return end
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
    }

    /// Whether a registered name may have the byte.
    ///
    /// A comma is refused, because it would join two values of `Host`.
    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || "-._~%!$&'()*+;=".utf8.contains(byte)
    }

    /// The host without the dot at its end that an absolute name may have.
    var name: Substring { host.hasSuffix(".") ? host.dropLast() : host[...] }

    /// Whether the host is `localhost` or an address of loopback.
    var isLoopback: Bool { name == "localhost" || host == "[::1]" || (host.hasPrefix("127.") && isAddress) }

    /// Whether the host is an IP address; no name server can point an address elsewhere.
    var isAddress: Bool {
        if host.hasPrefix("[") { return true }
        var address = in_addr()
        return inet_pton(AF_INET, host, &address) == 1
    }
}
