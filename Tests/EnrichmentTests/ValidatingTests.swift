// Rollcall · EnrichmentTests

import Enrichment
import JSONText
import Postgres
import TestSupport
import Testing

@Suite("Validating a rule on a real database")
struct ValidatingTests {
    @Test func `The standard rule is accepted after the migrations; before, the error names the command to run`()
        async throws
    {
        try await withPostgres { url in
            let connection = try await PostgresConnection.connect(to: try PostgresURL(url), timeout: .seconds(60))
            defer { connection.close() }
            let rule = FetchRule.standard(for: .standard)[0]
            let error = await #expect(throws: FetchRuleError.self) { try await rule.validate(on: connection) }
            #expect(error?.code == .query)
            #expect(error?.message.contains(#"relation "profiles" does not exist"#) == true)
            #expect(error?.message.contains("run `rollcall migrate`") == true)
            #expect(error?.message.hasSuffix("in the query for user on *: \(rule.query)") == true)
            try await migrate(connection)
            try await rule.validate(on: connection)
        }
    }

    @Test(
        arguments: [
            "SELECT key, data FROM profiles WHERE key = ANY($1)",
            "SELECT id::text, to_jsonb(u) FROM users u WHERE id::text = ANY($1)",
            "SELECT id, jsonb_build_object('name', name) FROM users WHERE id::text = ANY($1)",
            "SELECT name, row_to_json(u) FROM users u WHERE name = ANY($1)",
            "SELECT name, name FROM users WHERE name = ANY($1)",
            "SELECT u.name, to_jsonb(u) FROM users u WHERE name = ANY($1) AND $2 <> 'room'",
            "SELECT k, to_jsonb(length(k)) FROM unnest($1) k",
            "SELECT key, data FROM profiles WHERE key = ANY($1) -- '$2'",
        ])
    func `A query that returns keys and JSON is accepted`(_ query: String) async throws {
        try await withUsers { try await FetchRule(field: "user", query: query).validate(on: $0) }
    }

    @Test(
        arguments: [
            ("SELECT name FROM users WHERE name = ANY($1)", "has 1 column, needs two: the key and its data"),
            ("SELECT 1, 2, $1::text[]", "has 3 columns, needs two: the key and its data"),
            ("DELETE FROM users WHERE name = ANY($1)", "has 0 columns, needs two: the key and its data"),
            (
                "SELECT name, id FROM users WHERE name = ANY($1)",
                "its second column is integer, needs JSON: wrap it in to_jsonb(…)"
            ),
            ("SELECT name, u FROM users u WHERE name = ANY($1)", "its second column is users, needs JSON: wrap it"),
            ("SELECT name, name FROM users WHERE name = ANY($1) AND id = $3", "has 3 parameters, may have two"),
            ("SELECT name, data FROM users WHERE name = ANY($1)", #"column "data" does not exist"#),
            ("SELECT name, name FROM users WHERE id = ANY($1)", "operator does not exist: integer = text"),
            ("SELEC name FROM users WHERE name = ANY($1)", "syntax error"),
            ("SELECT name, name FROM users WHERE name = ANY($1); SELECT 1", "cannot insert multiple commands"),
            ("", "has 0 columns"),
        ])
    func `Any other query is refused with the reason and the query`(_ query: String, _ reason: String) async throws {
        try await withUsers { connection in
            let rule = FetchRule(topics: TopicPattern("room:*")!, field: "user", query: query)
            let error = await #expect(throws: FetchRuleError.self) { try await rule.validate(on: connection) }
            #expect(error?.code == .query && error?.message.contains(reason) == true, "\(error?.message ?? "")")
            #expect(error?.message.hasSuffix("in the query for user on room:*: \(query)") == true)
            // The connection still works.
            try await FetchRule.standard(for: .standard)[0].validate(on: connection)
        }
    }

    @Test func `If the database is down, the error is not a fault of the rule`() async throws {
        try await withUsers { connection in
            connection.close()
            let error = await #expect(throws: FetchRuleError.self) {
                try await FetchRule.standard(for: .standard)[0].validate(on: connection)
            }
            #expect(error?.code == .unavailable)
        }
    }

    private func withUsers(_ body: (PostgresConnection) async throws -> Void) async throws {
        try await withProfiles { _, connection in
            try await connection.run("CREATE TABLE users (id int PRIMARY KEY, name varchar(100))")
            try await body(connection)
        }
    }
}
