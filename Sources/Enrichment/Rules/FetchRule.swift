// Rollcall · Enrichment

import JSONText
package import Postgres

/// Why a fetch rule cannot be used; names the rule.
package struct FetchRuleError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The settings cannot be read; the message names the member.
        case settings
        /// The database refuses the query, or its rows have the wrong columns; the message has the query.
        case query
        /// The database could not be reached, so the rule may be right.
        case unavailable
    }

    package let code: Code
    /// One sentence for an operator.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}

/// One field of enrichment on the topics of a pattern.
package struct FetchRule: Sendable, Hashable {
    /// The bounds of `timeout`, in milliseconds.
    static let timeouts = 10...10_000
    /// The bounds of `ttl`, in seconds.
    static let ttls = 1...86_400

    /// The topics to which the rule applies.
    package let topics: TopicPattern
    /// The name of the member that stands beside `metas`.
    package let field: String
    /// A statement that returns a row for each key with data: the key and the data.
    ///
    /// `$1` is the `text[]` of keys; an optional `$2` is the topic as `text`.
    package let query: String
    /// How long an entry may wait for its data, and how long the query may run.
    package let timeout: Duration
    /// The age up to which an answer needs no new query, unless a change is reported.
    package let ttl: Duration
    /// Whether the query takes the topic, so that one key may have other data on another topic.
    ///
    /// A search for `$2` decides this, because a node needs it also while the database is down. A `$2` in a literal or
    /// a comment only prevents shared batches: PostgreSQL accepts a parameter that no expression uses.
    package let takesTopic: Bool

    /// Takes valid values; ``parse(_:)`` checks those of the settings.
    package init(
        topics: TopicPattern = .all, field: String, query: String, timeout: Duration = .milliseconds(250),
        ttl: Duration = .seconds(60)
    ) {
        self.topics = topics
        self.field = field
        self.query = query
        self.timeout = timeout
        self.ttl = ttl
        takesTopic = Self.mentions(2, in: query)
    }

    /// The rule for the table of profiles under the name in `table`.
    package static func standard(for table: ProfilesTable) -> [FetchRule] {
        [FetchRule(field: "user", query: "SELECT key, data FROM \(table.quoted) WHERE key = ANY($1)")]
    }

    /// Whether a query mentions a parameter, also in a literal or a comment.
    static func mentions(_ parameter: Int, in query: String) -> Bool {
        query.utf8.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false).dropFirst().contains { rest in
            rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }.elementsEqual("\(parameter)".utf8)
        }
    }
}

// MARK: - Validating

extension FetchRule {
    /// The OIDs of `text[]` and `text` in PostgreSQL.
    private static let parameterTypes: [UInt32] = [1009, 25]
    /// The OIDs of `json`, `jsonb`, `text` and `varchar` in PostgreSQL, which may hold JSON.
    private static let dataTypes: Set<UInt32> = [114, 3802, 25, 1043]

    /// Checks that the database accepts the query, and that its rows have a key and data.
    ///
    /// Throws `.query` with the query and the reason, `.unavailable` if the database could not be reached. Any thread.
    package func validate(on connection: PostgresConnection) async throws(FetchRuleError) {
        let fault: String?
        do throws(PostgresError) {
            fault = try await self.fault(on: connection)
        } catch {
            guard error.code == .refused else { throw FetchRuleError(.unavailable, error.advice) }
            fault = error.advice
        }
        if let fault { throw FetchRuleError(.query, "\(fault), in the query for \(field) on \(topics): \(query)") }
    }

    /// Returns the fault of a query that PostgreSQL accepts; nil if it has none.
    private func fault(on connection: PostgresConnection) async throws(PostgresError) -> String? {
        let description = try await connection.describe(query, parameterTypes: Self.parameterTypes)
        let (parameters, columns) = (description.parameterTypes.count, description.columns)
        if parameters > Self.parameterTypes.count {
            return "has \(parameters) parameters, may have two: $1, the keys, and $2, the topic"
        }
        if columns.count != 2 {
            return "has \(columns.count) column\(columns.count == 1 ? "" : "s"), needs two: the key and its data"
        }
        if Self.dataTypes.contains(columns[1].type) { return nil }
        let type = try await connection.query(
            "SELECT format_type($1::oid, NULL)", [.text("\(columns[1].type)")], timeout: .seconds(5))
        let name = type.rows.first?.first?.map { String(decoding: $0, as: UTF8.self) } ?? "of no type"
        return "its second column is \(name), needs JSON: wrap it in to_jsonb(…)"
    }
}
