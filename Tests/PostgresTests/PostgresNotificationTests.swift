// Rollcall · PostgresTests

import LocalServices
import Postgres
import TestSupport
import Testing

@Suite("Notifications of PostgreSQL")
struct PostgresNotificationTests {
    @Test func `Notifications of a channel that a connection listens to arrive in order, several at once`() async throws
    {
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

    @Test func `A notification ends a wait, and a connection that listens still runs statements`() async throws {
        try await withPostgres { text in
            let url = try PostgresURL(text)
            let listener = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            let notifier = try await PostgresConnection.connect(to: url, timeout: .seconds(60))
            try await listener.listen(to: "news")
            for payload in ["", "two"] {
                async let received = listener.notifications(within: .seconds(60))
                try await notifier.execute("NOTIFY news, '\(payload)'", timeout: .seconds(60))
                #expect(try await received == [PostgresNotification(channel: "news", payload: payload)])
            }
            try await notifier.execute("NOTIFY news, 'three'", timeout: .seconds(60))
            #expect(await listener.text("SELECT 1") == "1")
            let kept = try await listener.notifications(within: .seconds(60))
            #expect(kept.map(\.payload) == ["three"])
        }
    }

    @Test func `A wait throws when the session ends, the connection is closed or the task is cancelled`()
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
                // It throws, whether the wait has begun or not.
                try await end(connection, waiting)
                let error = await #expect(throws: PostgresError.self) { try await waiting.value }
                // If the wait had not begun, on a slow machine, the connection is found unusable.
                #expect([.lost, .unavailable].contains(error?.code))
                #expect(!connection.isUsable)
            }
        }
    }
}
