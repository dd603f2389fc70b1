// Rollcall · PresenceServer

import Hummingbird
import PresenceModel
import PresenceStore

/// Announces changed data that no database trigger announces.
struct EnrichmentRoutes: Sendable {
    let store: PresenceStore
    let options: ServerOptions

    /// `POST /v1/enrichment/invalidations`.
    func invalidate(_ request: Request, _ context: RollcallRequestContext) async throws -> Response {
        let body = try await request.json(
            "an object with keys", limit: self.options.bodyBytes(ofKeys: Self.maximumKeys))
        var fields = try FieldReader(body, allowing: ["keys"])
        let keys = fields.keys(maximum: Self.maximumKeys)
        try fields.check()
        try await self.store.announce(changed: keys)
        var json = JSONObjectWriter()
        json.int("accepted", keys.count)
        return .json(json.finish(), status: .accepted)
    }

    /// Keys that one request may name at most.
    static let maximumKeys = 500
}

extension ServerOptions {
    /// Bytes of the longest body with `count` keys: room for the longest keys, each byte escaped.
    func bodyBytes(ofKeys count: Int) -> Int { max(self.bodyBytes, count * 256 * 6) }
}
