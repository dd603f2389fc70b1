// Rollcall · PresenceServer

package import Access
package import Hummingbird
package import Logging
package import NIOCore

/// The context of one request: its connection, its id, and what the router has read.
///
/// It does not conform to the framework's `RequestContext`, because routing, decoding and errors are Rollcall's own.
package struct RollcallRequestContext: InitializableFromSource {
    /// The connection the request came on.
    package let channel: any Channel
    private let connectionLogger: Logger
    /// The id that the client gave in `X-Request-Id`, or a random one.
    package private(set) var requestID: String
    /// The path that is put before every address in the answer; set by the router.
    package var basePath = BasePath.root
    /// Set by the router.
    package var parameters = PathParameters()
    /// Set by the router; without rights before.
    package var caller = Caller.withoutRights
    /// Counts the steps of the request; set by the router, nil if the caller has no rates.
    var allowance: RequestAllowance?
    /// Whether the request and a wrong credential count against rates.
    ///
    /// False while it is only looked at: a request with an error counts once, when the server answers it.
    var counts = true
    /// Set by the router, which refuses names that the route does not know.
    package var query = QueryParameters()

    package init(source: ApplicationRequestContextSource) {
        self.channel = source.channel
        self.connectionLogger = source.logger
        self.requestID = Self.randomID()
    }

    /// A logger with the request id as `request_id`.
    ///
    /// It is made at each use, because most requests log nothing.
    package var logger: Logger {
        var logger = self.connectionLogger
        logger[metadataKey: "hb.request.id"] = nil
        logger[metadataKey: "request_id"] = .string(self.requestID)
        return logger
    }

    /// Whether a line at this level is logged.
    func logs(at level: Logger.Level) -> Bool { level >= self.connectionLogger.logLevel }

    /// Uses the client's own request id if it is fit for logs and headers.
    mutating func adopt(requestID: String?) {
        guard let requestID, Self.isWellFormed(requestID) else { return }
        self.requestID = requestID
    }

    /// Makes an id of 16 hexadecimal digits.
    ///
    /// It is random, because a count would show each client how many requests the node answers for others.
    private static func randomID() -> String {
        let bits = UInt64.random(in: .min ... .max)
        return String(unsafeUninitializedCapacity: 16) { digits in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: bits >> UInt64(4 * index)) & 0xF
                digits[index] = digit < 10 ? 0x30 + digit : 0x57 + digit
            }
            return 16
        }
    }

    private static func isWellFormed(_ id: String) -> Bool {
        (1...128).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: "="):
                    true
                default: false
                }
            }
    }
}
