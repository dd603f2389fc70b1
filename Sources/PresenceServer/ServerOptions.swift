// Rollcall · PresenceServer

package import PresenceModel

/// The bounds of the HTTP API, and the path under which a proxy shows it.
///
/// The defaults are those of the contract.
package struct ServerOptions: Sendable {
    package var limits: Limits
    /// Bytes of the longest body of a request about one presence.
    package var bodyBytes: Int
    /// Bytes of the longest body of a batch.
    package var batchBodyBytes = 4 << 20
    /// The values that `limit` of a list may have.
    package var pageLimit = 1...10_000
    /// Topics on a page of `GET /v1/topics` if the query has no `limit`.
    package var defaultTopics = 1_000
    /// Topics of one batch that have store calls under way at once; each further topic waits until one of them is done.
    package var concurrentTopics = 16
    /// The path under which a proxy shows the service.
    package var basePath = BasePath.root
    /// Whether operators have a port of their own, where metrics and checks need no credential.
    package var hasOperatorPort = false

    package init(limits: Limits = Limits()) {
        self.limits = limits
        // Room for a meta with generous white space and escapes, names and the rest.
        self.bodyBytes = max(64 << 10, 4 * limits.maximumMetaBytes)
    }
}
