// Rollcall · PresenceStore

import NIOCore
import PresenceModel
import Redis

/// The state of the revocations that a reading found.
///
/// A revocation that is missing in the later of two readings with the same source was lifted, or has ended.
package struct RevocationsVersion: Hashable, Sendable {
    /// The server, and the name of the hash.
    package let source: DataSource
    /// The number of changes of the hash.
    package let number: Int
}

/// All revocations in Redis.
package struct StoredRevocations: Sendable {
    package let version: RevocationsVersion
    /// The record of each, by its id.
    package let records: [String: [UInt8]]
}

extension PresenceStore {
    /// Revocations and removals that Redis keeps at most.
    package static let maximumRevocations = 10_000

    /// Reads all revocations; nil if they have not changed since `known`.
    package func revocations(
        unless known: RevocationsVersion?
    ) async throws(StoreError) -> StoredRevocations? {
        let connection = try connection()
        if let known, known.source.server == connection.serverRunID {
            let value = try await connection.send("HMGET", [.string(keys.revocations), "set", "v"])
            guard let fields = value.elements, fields.count == 2 else { throw .unexpected(value) }
            let source = DataSource(server: connection.serverRunID, dataSet: fields[0].string ?? "")
            if known == RevocationsVersion(source: source, number: fields[1].int ?? 0) { return nil }
        }
        let value = try await connection.send("HGETALL", [.string(keys.revocations)])
        guard let pairs = value.elements else { throw .unexpected(value) }
        var (name, number) = ("", 0)
        var records: [String: [UInt8]] = [:]
        for index in stride(from: 0, to: pairs.count - 1, by: 2) {
            guard let field = pairs[index].string, let record = pairs[index + 1].buffer else {
                throw .unexpected(value)
            }
            switch field {
            case "set": name = String(buffer: record)
            case "v": number = pairs[index + 1].int ?? 0
            default: records[field] = Array(record.readableBytesView)
            }
        }
        let source = DataSource(server: connection.serverRunID, dataSet: name)
        return StoredRevocations(
            version: RevocationsVersion(source: source, number: number), records: records)
    }

    /// Keeps revocations that are not there yet, and notifies all nodes.
    ///
    /// - Parameter most: Revocations that there may be; nil for those that Redis lost.
    /// - Returns: False, and keeps none, if there would be more than that.
    package func keepRevocations(
        _ revocations: [(id: String, record: [UInt8])], most: Int? = PresenceStore.maximumRevocations
    ) async throws(StoreError) -> Bool {
        for chunk in revocations.chunks(of: Self.membersPerCall) {
            var arguments: [RedisArgument] = [.string(keys.revocationChannel), .string(Ref.random().text)]
            arguments.append(most.map { .integer($0) } ?? "")
            for revocation in chunk { arguments += [.string(revocation.id), .bytes(revocation.record)] }
            let value = try await writer().call(StoreScripts.revoke, [.string(keys.revocations)], arguments)
            var reply = try StoreReply(timed: value)
            guard try reply.int() == 1 else { return false }
        }
        return true
    }

    /// Drops a revocation, if there is one with this id, and notifies all nodes.
    package func liftRevocation(_ id: String) async throws(StoreError) {
        _ = try StoreReply(
            timed: await writer().call(
                StoreScripts.lift, [.string(keys.revocations)], [.string(keys.revocationChannel), .string(id)]))
    }

    /// Drops revocations that have ended; notifies no node, because each knows their ends.
    package func dropRevocations(_ ids: [String]) async throws(StoreError) {
        for chunk in ids.chunks(of: Self.membersPerCall) {
            let fields = chunk.map { RedisArgument.string($0) }
            _ = try await writer(isSilent: true).send("HDEL", [.string(keys.revocations)] + fields)
        }
    }
}
