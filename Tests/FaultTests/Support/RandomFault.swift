// Rollcall · FaultTests

import LocalServices
import RandomInput
import TestSupport

/// A fault that a random run may meet; each is over when `strike` returns, its effects are not.
enum RandomFault: CaseIterable, Sendable {
    case cutPubSub, cutClients, flushScripts
    case cutNode, stallNode, silenceNode, freezeNode, freezeNodes
    case freezeRedis, stallRedisPastLeases
    case flushAll, restartRedisEmpty
    case killNode

    /// Whether Redis forgets what it held: what nobody keeps up is lost.
    var losesState: Bool { self == .flushAll || self == .restartRedisEmpty }

    func strike(_ cluster: FaultCluster, random: inout SplitMix) async throws {
        let number = Int.random(in: 0..<cluster.proxies.count, using: &random)
        let (proxy, node) = (cluster.proxies[number], cluster.nodes[number])
        let moment = Duration.milliseconds(.random(in: 200...1500, using: &random))
        switch self {
        case .cutPubSub: try await cluster.tell("CLIENT", "KILL", "TYPE", "pubsub")
        case .cutClients: try await cluster.tell("CLIENT", "KILL", "TYPE", "normal")
        case .flushScripts: try await cluster.tell("SCRIPT", "FLUSH")
        case .cutNode: proxy.cut()
        case .stallNode: proxy.stall()
        case .silenceNode:
            proxy.silence()
            try await Task.sleep(for: moment)
            proxy.heal()
        case .freezeNode:
            node.pause()
            try await Task.sleep(for: moment)
            node.resume()
        case .freezeNodes:
            // One after the other, so that what the first was asked is executed when clients have gone elsewhere.
            for node in cluster.nodes {
                node.pause()
                try await Task.sleep(for: moment)
                node.resume()
            }
        case .freezeRedis, .stallRedisPastLeases:
            cluster.redis.pause()
            try await Task.sleep(for: self == .freezeRedis ? moment : .milliseconds(7500))
            cluster.redis.resume()
        case .flushAll: try await cluster.tell("FLUSHALL")
        case .restartRedisEmpty:
            await cluster.redis.kill()
            try await Task.sleep(for: moment)
            try await cluster.redis.restart()
        case .killNode:
            await node.kill()
            try await cluster.restart(number)
        }
    }
}
