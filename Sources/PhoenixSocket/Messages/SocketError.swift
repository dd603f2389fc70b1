// Rollcall · PhoenixSocket

/// Why bytes of a client cannot be read; the socket then closes.
package struct SocketError: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: CloseCode
    /// A sentence for a person.
    package let detail: String

    package init(_ code: CloseCode, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    package var description: String { "\(code.rawValue): \(detail)" }
}
