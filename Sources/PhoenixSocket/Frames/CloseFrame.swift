// Rollcall · PhoenixSocket

/// The payload of a close frame.
package enum CloseFrame {
    /// Bytes of the longest reason, so that the frame has at most 125 (RFC 6455 §5.5).
    static let maximumReason = 123

    /// The code and the reason, cut between characters.
    package static func payload(_ code: CloseCode, reason: String = "") -> [UInt8] {
        var reason = Substring(reason)
        while reason.utf8.count > maximumReason { reason.removeLast() }
        return [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)] + Array(reason.utf8)
    }
}
