// Rollcall · Access

/// The proxies that a node believes about their clients: the addresses, and the schemes of requests.
package struct TrustedProxies: Hashable, Sendable {
    private var ranges: [AddressRange] = []

    /// No proxies: the address of each connection is that of its client.
    package init() {}

    /// Reads addresses and ranges, separated by commas; returns nil if one of them is neither.
    package init?(_ text: String) {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: " ")
            guard words.count == 1, let range = AddressRange(String(words[0])) else { return nil }
            ranges.append(range)
        }
    }

    package var isEmpty: Bool { ranges.isEmpty }

    package func trusts(_ address: ClientAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// Returns the address of the client behind a connection.
    ///
    /// It is the last address that is no trusted proxy. Entries before it may be the client's own invention. An entry
    /// that cannot be read ends the search at the proxy that wrote it. A proxy writes one of the two fields and may
    /// forward the other as it came, so if both are there and differ, none is believed.
    ///
    /// - Parameters:
    ///   - peer: The address at the other end of the connection.
    ///   - forwardedFor: The values of all fields `X-Forwarded-For`.
    ///   - forwarded: The values of all fields `Forwarded` (RFC 7239 §4).
    package func client(
        at peer: ClientAddress, forwardedFor: [String], forwarded: [String]
    ) -> ClientAddress {
        guard trusts(peer) else { return peer }
        let plain = client(at: peer, behind: ForwardedFields.addresses(inForwardedFor: forwardedFor))
        if forwarded.isEmpty { return plain }
        let structured = client(at: peer, behind: ForwardedFields.addresses(inForwarded: forwarded))
        return forwardedFor.isEmpty || plain == structured ? structured : peer
    }

    private func client(at peer: ClientAddress, behind hops: [ClientAddress?]) -> ClientAddress {
        var client = peer
        for hop in hops.reversed() {
            guard let hop else { break }
            client = hop
            if !trusts(hop) { break }
        }
        return client
    }
}

/// Reads the fields in which proxies name their clients.
package enum ForwardedFields {
    /// Bytes of the longest fields that are read; proxies write a few hundred at most.
    package static let maximumBytes = 4_096

    /// The entries of `X-Forwarded-For`, nil for each that is no address.
    ///
    /// Each comma ends an entry, also within quotes and after a character that joins the next one: a proxy adds its
    /// entry behind any text of its client.
    package static func addresses(inForwardedFor values: [String]) -> [ClientAddress?] {
        guard isShort(values) else { return [] }
        return values.flatMap { $0.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) }
            .map { address(Substring($0)) }
    }

    /// The parameter `for` of each element of `Forwarded`, nil for each that is no address.
    package static func addresses(inForwarded values: [String]) -> [ClientAddress?] {
        guard isShort(values) else { return [] }
        return elements(of: values).map { parameter("for", of: $0).flatMap { address($0) } }
    }

    /// The scheme of the client's request, `http` or `https`, in `X-Forwarded-Proto` and in the parameter `proto` of
    /// `Forwarded`.
    ///
    /// Nil if there is none, or several that differ, as proxies behind each other name them.
    package static func scheme(inForwardedProto values: [String], forwarded: [String]) -> String? {
        guard isShort(values), isShort(forwarded) else { return nil }
        let named =
            values.flatMap { split($0[...], at: UInt8(ascii: ",")) }
            + elements(of: forwarded).compactMap { parameter("proto", of: $0) }
        let schemes = Set(named.map { unquoted($0).lowercased() })
        guard schemes.count == 1, let scheme = schemes.first, ["http", "https"].contains(scheme) else { return nil }
        return scheme
    }

    /// The elements of `Forwarded`, one for each proxy.
    private static func elements(of values: [String]) -> [Substring] {
        values.flatMap { split($0[...], at: UInt8(ascii: ",")) }
    }

    /// The value of a parameter of an element; nil if the element does not have it.
    private static func parameter(_ name: String, of element: Substring) -> Substring? {
        for pair in split(element, at: UInt8(ascii: ";")) {
            let parts = pair.split(separator: "=", maxSplits: 1)
            if parts.count == 2, trimmed(parts[0]).lowercased() == name { return parts[1] }
        }
        return nil
    }

    private static func isShort(_ values: [String]) -> Bool {
        values.reduce(0) { $0 + $1.utf8.count } <= maximumBytes
    }

    /// Splits a text where a separator stands outside of double quotes (RFC 9110 §5.6.4).
    private static func split(_ text: Substring, at separator: UInt8) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var (isQuoted, isEscaped) = (false, false)
        for index in text.utf8.indices {
            let byte = text.utf8[index]
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = isQuoted
            } else if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == separator, !isQuoted {
                parts.append(text[start..<index])
                start = text.utf8.index(after: index)
            }
        }
        return parts + [text[start...]]
    }

    /// Reads an address with an optional port: `192.0.2.1:80`, `2001:db8::1`, `"[2001:db8::1]:80"`.
    private static func address(_ text: Substring) -> ClientAddress? {
        let text = unquoted(text)
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]"), isPort(text[text.index(after: end)...]) else { return nil }
            return ClientAddress(String(text[text.index(after: text.startIndex)..<end]))
        }
        if let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") {
            return isPort(text[colon...]) ? ClientAddress(String(text[..<colon])) : nil
        }
        return ClientAddress(String(text))
    }

    private static func unquoted(_ text: Substring) -> Substring {
        let text = trimmed(text)
        let isQuoted = text.hasPrefix("\"") && text.hasSuffix("\"") && text.utf8.count > 1
        return isQuoted ? text.dropFirst().dropLast() : text
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.first == ":" && text.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
