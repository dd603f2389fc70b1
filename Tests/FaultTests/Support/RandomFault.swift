// Rollcall · FaultTests

import LocalServices
import RandomInput
import TestSupport

/// A fault of a random run; it is over when `strike` returns, but its effects may last.
enum RandomFault: CaseIterable, Sendable {
    case cutPubSub, cutClients, flushScripts
    case cutNode, stallNode, silenceNode, freezeNode, freezeNodes
    case freezeRedis, stallRedisPastLeases
    case flushAll, restartRedisEmpty
    case killNode

    /// Whether Redis loses its data: presences that no client renews are lost.
    var losesState: Bool { self == .flushAll || self == .restartRedisEmpty }

    func strike(_ cluster: FaultCluster, random: inout SplitMix) async throws {
        let number = Int.random(in: 0..<cluster.proxies.count, using: &random)
        let (proxy, node) = (cluster.proxies[number], cluster.nodes[number])
        let moment = Duration.milliseconds(.random(in: 200...1500, using: &random))
        switch self {
        case .cutPubSub: try await cluster.sendToRedis("CLIENT", "KILL", "TYPE", "pubsub")
        case .cutClients: try await cluster.sendToRedis("CLIENT", "KILL", "TYPE", "normal")
        case .flushScripts: try await cluster.sendToRedis("SCRIPT", "FLUSH")
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
            // One after the other, so that the first executes its requests when their clients have gone elsewhere.
            for node in cluster.nodes {
                node.pause()
                try await Task.sleep(for: moment)
                node.resume()
            }
        case .freezeRedis, .stallRedisPastLeases:
            cluster.redis.pause()
            try await Task.sleep(for: self == .freezeRedis ? moment : .milliseconds(7500))
            cluster.redis.resume()
        case .flushAll: try await cluster.sendToRedis("FLUSHALL")
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
