// Rollcall · Access

import Basics
import Foundation

/// The IP address of a client.
///
/// An IPv4 address is kept as the IPv6 address that stands for it (RFC 4291 §2.5.5.2), as sockets for both give it.
package struct ClientAddress: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    private static let mapped: UInt64 = 0xFFFF << 32

    /// Takes the 4 or 16 bytes of an address in network order; returns nil for another number of bytes.
    package init?(bytes: UnsafeRawBufferPointer) {
        switch bytes.count {
        case 4: self.init(high: 0, low: Self.mapped | UInt64(UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))))
        case 16:
            self.init(
                high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        default: return nil
        }
    }

    /// Reads an address without a port, such as `203.0.113.7` or `2001:db8::1`.
    package init?(_ text: String) {
        var (short, long) = (in_addr(), in6_addr())
        if inet_pton(AF_INET, text, &short) == 1 {
            self.init(high: 0, low: Self.mapped | UInt64(UInt32(bigEndian: short.s_addr)))
        } else if inet_pton(AF_INET6, text, &long) == 1,
            let address = withUnsafeBytes(of: long, { ClientAddress(bytes: $0) })
        {
            self = address
        } else {
            return nil
        }
    }

    private var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The address by which a client is counted: for IPv6 its first 64 bits, since a client has all addresses of a /64.
    package var counted: ClientAddress { isIPv4 ? self : prefix(64) }

    /// The first bits of the address, all others 0.
    func prefix(_ bits: Int) -> ClientAddress {
        ClientAddress(high: high & Self.mask(bits), low: low & Self.mask(bits - 64))
    }

    /// A number with its first bits set: all for 64 or more, none for 0 or less.
    private static func mask(_ bits: Int) -> UInt64 { UInt64.max << UInt64(64 - min(max(bits, 0), 64)) }

    /// Whether it is of the machine itself or of a private network, where proxies and backends are.
    package var isLocal: Bool { AddressRange.local.contains { $0.contains(self) } }
}

extension ClientAddress: CustomStringConvertible {
    /// An IPv4 address as usual, and of an IPv6 address the first 64 bits: `2001:db8:0:1::/64`.
    package var description: String {
        if isIPv4 { return ([24, 16, 8, 0] as [UInt64]).map { String(low >> $0 & 0xFF) }.joined(separator: ".") }
        let groups = ([48, 32, 16, 0] as [UInt64]).map { String(high >> $0 & 0xFFFF, radix: 16) }
        return groups.joined(separator: ":") + "::/64"
    }
}

/// An address, or all addresses that begin with the same bits: `10.0.0.0/8`.
struct AddressRange: Hashable, Sendable {
    private let start: ClientAddress
    private let bits: Int

    /// Returns nil for a text that is no address and no range in CIDR form (RFC 4632 §3.1).
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = ClientAddress(String(parts[0])), parts.count <= 2 else { return nil }
        let isShort = !parts[0].contains(":")
        var bits = 128
        if parts.count == 2 {
            guard let given = decimal(parts[1].utf8), 0...(isShort ? 32 : 128) ~= given else { return nil }
            bits = isShort ? 96 + given : given
        }
        start = address.prefix(bits)
        self.bits = bits
    }

    func contains(_ address: ClientAddress) -> Bool { address.prefix(bits) == start }

    /// Loopback, private, shared, link-local and unique local addresses (RFC 6890 §2.2).
    static let local = [
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "::1",
        "fe80::/10", "fc00::/7",
    ].compactMap { AddressRange($0) }
}
