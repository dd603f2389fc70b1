// Rollcall · PresenceServer

import HTTPTypes

extension HTTPField.Name {
    static let requestID = Self.literal("X-Request-Id")
    static let lastEventID = Self.literal("Last-Event-ID")
    static let link = Self.literal("Link")
    static let secFetchSite = Self.literal("Sec-Fetch-Site")
    static let accessControlRequestPrivateNetwork = Self.literal("Access-Control-Request-Private-Network")
    static let accessControlAllowPrivateNetwork = Self.literal("Access-Control-Allow-Private-Network")
    static let xAccelBuffering = Self.literal("X-Accel-Buffering")
    static let rateLimit = Self.literal("RateLimit")
    static let rateLimitPolicy = Self.literal("RateLimit-Policy")
    static let phoenixAuthToken = Self.literal("X-Phoenix-AuthToken")
    static let phoenixLongpollToken = Self.literal("X-Phoenix-Longpoll-Token")
    static let forwarded = Self.literal("Forwarded")
    static let forwardedFor = Self.literal("X-Forwarded-For")
    static let forwardedProto = Self.literal("X-Forwarded-Proto")

    /// Makes a field name of a literal.
    private static func literal(_ name: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name("\(name)") else {
            preconditionFailure("not a field name: \(name)")  // because only literals of this file come here
        }
        return name
    }
}
