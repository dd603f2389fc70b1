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

    /// Makes a field name of a literal.
    private static func literal(_ name: StaticString) -> HTTPField.Name {
        guard let name = HTTPField.Name("\(name)") else {
            preconditionFailure("not a field name: \(name)")  // because only literals of this file come here
        }
        return name
    }
}
