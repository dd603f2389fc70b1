// Rollcall · PostgresTests

import LocalServices
import Postgres
import TestSupport
import Testing

@Suite("Notifications")
struct PostgresNotificationTests {
    @Test func `They come to those who listen, in their order, all that are there at once`() async throws {
        try await withConnection { connection in
            let channel = #"Odd "name""#
            try await connection.listen(to: channel)
            try await connection.execute("NOTIFY other, 'x'", timeout: .seconds(60))
            try await connection.execute(
                (1...100).map { #"NOTIFY "Odd ""name""", 'é \#($0)';"# }.joined(), timeout: .seconds(60))
            var all: [PostgresNotification] = []
            while all.count < 100 {
                let more = try await connection.notifications(within: .seconds(60))
                try #require(!more.isEmpty)
                all += more
            }
            #expect(all == (1...100).map { PostgresNotification(channel: channel, payload: "é \($0)") })
            let none = try await connection.notifications(within: .milliseconds(50))
            #expect(none.isEmpty)
        }
    }

    @Test func `One wakes who waits, and a connection that listens still answers statements`() async throws {
        try await withPostgres { text in
            let url = try PostgresURL(text)
            let listener = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            let speaker = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            try await listener.listen(to: "news")
            for payload in ["", "two"] {
                async let heard = listener.notifications(within: .seconds(60))
                try await speaker.execute("NOTIFY news, '\(payload)'", timeout: .seconds(60))
                #expect(try await heard == [PostgresNotification(channel: "news", payload: payload)])
            }
            try await speaker.execute("NOTIFY news, 'three'", timeout: .seconds(60))
            #expect(await listener.text("SELECT 1") == "1")
            let kept = try await listener.notifications(within: .seconds(60))
            #expect(kept.map(\.payload) == ["three"])
        }
    }

    @Test func `Waiting ends with an error when the session ends, the connection is closed or the task cancelled`()
        async throws
    {
        try await withLocalPostgres { postgres in
            let url = try PostgresURL(postgres.url)
            let ends: [@Sendable (PostgresConnection, Task<[PostgresNotification], any Error>) async throws -> Void] = [
                { _, _ in try await terminateAll(postgres) },
                { _, _ in await postgres.kill() },
                { connection, _ in connection.close() },
                { _, task in task.cancel() },
            ]
            for end in ends {
                if postgres.pid == nil { try await postgres.restart() }
                let connection = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
                try await connection.listen(to: "news")
                let waiting = Task {
                    try await connection.notifications(within: .seconds(60) * patience) as [PostgresNotification]
                }
                // Whether it waits already or not, it ends with an error.
                try await end(connection, waiting)
                let error = await #expect(throws: PostgresError.self) { try await waiting.value }
                // Where a slow machine had not begun to wait yet the connection is found unusable.
                #expect([.lost, .unavailable].contains(error?.code))
                #expect(!connection.isUsable)
            }
        }
    }
}
