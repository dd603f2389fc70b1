// Rollcall · PresenceStore

package import NIOCore
package import PresenceModel
import Redis

/// The message that lists keys with changed enrichment: `1:` and the keys, 0x1f between them.
package enum Invalidation {
    static let separator: UInt8 = 0x1f

    package static func message(_ keys: [Key]) -> String {
        "1:" + keys.map(\.text).joined(separator: "\u{1f}")
    }

    /// The keys that a message lists, without the parts that are no valid keys.
    package static func keys(_ message: ByteBuffer) -> [Key] {
        let bytes = message.readableBytesView
        guard bytes.starts(with: "1:".utf8) else { return [] }
        return bytes.dropFirst(2).split(separator: separator).compactMap { Key(utf8: $0) }
    }
}

extension PresenceStore {
    /// Notifies every node that the enrichment of these keys changed at its source.
    package func announce(changed keys: [Key]) async throws(StoreError) {
        guard !keys.isEmpty else { return }
        let command = RedisCommand("PUBLISH", [.string(self.keys.invalidations), .string(Invalidation.message(keys))])
        for case .error(let error) in try await writer().pipeline([command]) { throw StoreError(error) }
    }
}
