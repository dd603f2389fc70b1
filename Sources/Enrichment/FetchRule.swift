// Rollcall · Enrichment

package import Postgres

/// The reason why a fetch rule cannot be used; names the rule.
package struct FetchRuleError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: Hashable, Sendable {
        /// The settings cannot be read; the message names the member.
        case settings
        /// The database does not take the query, or its rows are of no use; the message shows the query.
        case query
        /// The database could not be asked: the rule may be right.
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
    /// What `timeout` may be.
    package static let timeouts: ClosedRange<Duration> = .milliseconds(10) ... .seconds(10)
    /// What `ttl` may be.
    package static let ttls: ClosedRange<Duration> = .seconds(1) ... .seconds(86_400)

    /// The topics on which the rule holds.
    package let topics: TopicPattern
    /// The member that is added beside `metas`.
    package let field: String
    /// A statement that gives a row for each key that it knows: the key and the data.
    ///
    /// Its `$1` is the `text[]` of keys, an optional `$2` the topic as `text`.
    package let query: String
    /// How long an entry may wait for its data, and how long the query may run.
    package let timeout: Duration
    /// The age up to which an answer needs no new query, if no change is reported.
    package let ttl: Duration
    /// Whether the query takes the topic, so that one key may have other data on another topic.
    ///
    /// Found by a search for `$2`, since this must be known while the database is away. A `$2` in a literal or a
    /// comment only costs shared batches: PostgreSQL takes a parameter that no expression uses.
    package let takesTopic: Bool

    /// Takes values that are checked; ``parse(_:)`` checks them.
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

    /// The rule for the table of the migrations, under its standard name.
    package static let standard = standard(for: .standard)

    /// The rule for the table of profiles under the name that it has.
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
    /// PostgreSQL's numbers of `text[]` and `text`.
    private static let parameterTypes: [UInt32] = [1009, 25]
    /// PostgreSQL's numbers of `json`, `jsonb`, `text` and `varchar`, which may hold JSON.
    private static let dataTypes: Set<UInt32> = [114, 3802, 25, 1043]

    /// Asks the database whether it takes the query, and whether that gives keys and their data.
    ///
    /// Throws `.query` with the query and the reason, `.unavailable` if the database could not be asked. Any thread.
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

    /// Returns the fault of a query that PostgreSQL takes.
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
