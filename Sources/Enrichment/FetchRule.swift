// Rollcall · Enrichment

package import Postgres

/// What one field of entries holds, on the topics of a pattern.
package struct FetchRule: Sendable, Hashable {
    /// What `timeout` may be.
    package static let timeouts: ClosedRange<Duration> = .milliseconds(10) ... .seconds(10)
    /// What `ttl` may be.
    package static let ttls: ClosedRange<Duration> = .seconds(1) ... .seconds(86_400)

    package let topics: TopicPattern
    /// The member that is added beside `metas`.
    package let field: String
    /// A statement that gives a row for each key that it knows: the key, and what is to be added.
    ///
    /// Its `$1` is the `text[]` of keys, an optional `$2` the topic as `text`.
    package let query: String
    /// How long an entry may wait for its data, and how long the query may run.
    package let timeout: Duration
    /// How long an answer is taken for true when nobody says that it changed.
    package let ttl: Duration
    /// Whether the query asks for the topic, so that one key may have other data on another topic.
    ///
    /// Found by looking for `$2`, since this must be known while the database is away. A `$2` that stands in a literal or
    /// a comment costs shared batches and nothing else: PostgreSQL takes a parameter that no expression uses.
    package let takesTopic: Bool

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

    /// The rule for the table that the migrations make.
    package static let standard = standard(for: .standard)

    /// The rule for the table of profiles under the name that it has.
    package static func standard(for table: ProfilesTable) -> [FetchRule] {
        [FetchRule(field: "user", query: "SELECT key, data FROM \(table.quoted) WHERE key = ANY($1)")]
    }

    /// Whether a query mentions a parameter, if only in a literal or a comment.
    static func mentions(_ parameter: Int, in query: String) -> Bool {
        var rest = Substring(query).utf8
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            rest = rest[dollar...].dropFirst()
            let number = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            if number.elementsEqual("\(parameter)".utf8) { return true }
        }
        return false
    }
}
