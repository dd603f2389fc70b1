// Rollcall · PresenceStore

import NIOCore
import Redis

/// What nodes share for the long polls of Phoenix clients.
extension PresenceStore {
    /// Returns the secret that signs the tokens of long polls; keeps the candidate as the secret if there is none.
    ///
    /// All nodes get the same secret.
    package func socketSecret(orKeep candidate: [UInt8]) async throws(StoreError) -> [UInt8] {
        let key = RedisArgument.string(keys.configuration)
        var stored = try await connection().send("HGET", [key, "socket"])
        if stored == .null {
            _ = try await writer(isSilent: true).send("HSETNX", [key, "socket", .bytes(candidate)])
            stored = try await connection().send("HGET", [key, "socket"])
        }
        guard let secret = stored.buffer else { throw .unexpected(stored) }
        return Array(secret.readableBytesView)
    }

    /// Sends a message about long polls to a node.
    ///
    /// - Returns: False if the node does not listen.
    package func send(_ message: [UInt8], toPollsOf node: String) async throws(StoreError) -> Bool {
        let channel = keys.pollChannel(of: node)
        let reply = try await writer().send("PUBLISH", [.string(channel), .bytes(message)])
        guard let receivers = reply.int else { throw .unexpected(reply) }
        return receivers > 0
    }
}
