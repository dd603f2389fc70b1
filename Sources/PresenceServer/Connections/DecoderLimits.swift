// Rollcall · PresenceServer

import NIOHTTP1

/// The bounds of a request's head, as the contract states them; NIO by itself allows 2 MB a request.
enum DecoderLimits {
    /// Bytes of the first line, of one field, and of all fields together.
    static let bytes = 80 << 10
    static let fields = 1000

    static let configuration: NIOHTTPDecoderLimitConfiguration = {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = bytes
        limits.maxHeaderListSize = bytes
        limits.maxHeaderFieldCount = fields
        return limits
    }()
}
