// Rollcall · FaultTests

import LocalServices
import TestSupport
import Testing

/// Faults of the nodes' connections to Redis.
@Suite("Connections that fail")
struct ConnectionFaultTests {
    @Test func `A single change after all pub/sub connections were cut reaches every stream`()
        async throws
    {
        try await FaultCluster.with(settings: ["ROLLCALL_DEFAULT_TTL": "15"]) { cluster in
            let tabs = try await cluster.streamClients(5)
            let restless = cluster.restlessWatcher()
            for round in 0..<5 {
                try await cluster.sendToRedis("CLIENT", "KILL", "TYPE", "pubsub")
                try await cluster.track("last\(round)", at: round % 2)
                // A comparison of positions would come after 5 s at the earliest: this is the reload.
                try await cluster.expectPresent(["last\(round)"], timeout: .seconds(4))
            }
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(tabs.map(\.key), and: [restless.watcher])
            #expect(cluster.watchersAreOpen)
            #expect(tabs.allSatisfy { $0.connections == 1 })
            await restless.close()
            for tab in tabs { await tab.close() }
        }
    }

    @Test func `A node replaces a silently dead pub/sub connection within 17 s`()
        async throws
    {
        try await FaultCluster.with(settings: ["ROLLCALL_DEFAULT_TTL": "15"]) { cluster in
            let tabs = try await cluster.streamClients(4)
            let restless = cluster.restlessWatcher()
            cluster.proxies[0].stallSubscribers()
            try await cluster.track("unheard", at: 1)
            // Until then the node compares positions, each 5 to 10 s.
            try await cluster.expectPresent(["unheard"], timeout: .seconds(12))
            try await eventually("another connection for messages", timeout: .seconds(19)) {
                cluster.nodes[0].log.contains("messages do not come any more")
            }
            try await eventually("messages at node 0", timeout: .seconds(4)) {
                try await cluster.track("heard", at: 1)
                return try cluster.watchers[0].roster()["heard"] != nil
            }
            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(
                tabs.map(\.key) + ["unheard", "heard"], and: [restless.watcher])
            #expect(cluster.watchersAreOpen)
            #expect(!cluster.nodes[1].log.contains("messages do not come any more"))
            await restless.close()
            for tab in tabs { await tab.close() }
        }
    }

    @Test func `A node that Redis disconnects for reading messages too slowly loads what it missed`() async throws {
        try await FaultCluster.with(settings: ["ROLLCALL_DEFAULT_TTL": "15"]) { cluster in
            let tabs = try await cluster.streamClients(4)
            let restless = cluster.restlessWatcher()
            try await cluster.sendToRedis("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0")

            try await cluster.proxies[0].readsSubscriptions(false)
            try await cluster.track("early", at: 1)
            // The first message of the topic, again and again: the node has it already.
            let flood = """
                local value = 'AAAAAAAAAAAAAAAA 30 {"filler":"' .. string.rep('x', 100000) .. '"}'
                local message = '1:' .. redis.call('HGET', KEYS[1], 'e') .. ':1:+3:' .. #value .. ':x\\31s' .. value
                for _ = 1, 5 do redis.call('PUBLISH', ARGV[1], message) end
                """
            try await eventually("the end of the slow subscriber") {
                try await cluster.sendToRedis(
                    "EVAL", flood, "1", cluster.key("m"), try cluster.bucketPrefix + cluster.topic)
                return cluster.redis.log.contains("overcoming of output buffer limits")
            }
            try await cluster.track("late", at: 1)
            try await cluster.proxies[0].readsSubscriptions(true)

            try await cluster.expectOneTruth(and: [restless.watcher])
            try cluster.expectNeverGone(tabs.map(\.key) + ["early", "late"], and: [restless.watcher])
            #expect(cluster.watchersAreOpen)
            try await eventually("the line") { cluster.nodes[0].log.contains("redis: subscriber connection lost") }
            await restless.close()
            for tab in tabs { await tab.close() }
        }
    }
}
