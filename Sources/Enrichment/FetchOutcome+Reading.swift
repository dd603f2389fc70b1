// Rollcall · Enrichment

import Postgres
import Presence

extension FetchOutcome {
    /// The longest text of a value, as PostgreSQL writes it.
    static let maximumValueBytes = 64 << 10

    /// Reads the rows that came for some keys.
    ///
    /// Rows of other keys are passed over; of two rows for one key the last holds.
    static func answers(for keys: some Collection<Key>, in result: PostgresRows) throws(PostgresError) -> [Key:
        Answer]
    {
        guard result.columns.count >= 2 else {
            throw PostgresError(
                .refused, "the query has \(result.columns.count) column, needs two: the key and its data")
        }
        var texts: [Key: [UInt8]?] = [:]
        texts.reserveCapacity(keys.count)
        for key in keys { texts[key] = .some(nil) }
        for row in result.rows {
            guard let name = row[0], let key = Key(utf8: name), texts[key] != nil else { continue }
            texts[key] = .some(row[1])
        }
        return texts.mapValues { $0.map(answer) ?? .nothing }
    }

    /// Compacts a value, so that no line end of it can break an event, and makes it safe for every reader.
    ///
    /// A column of type `json` or `text` may hold what `jsonb` refuses: half of a surrogate pair becomes U+FFFD.
    private static func answer(_ text: [UInt8]) -> Answer {
        guard text.count <= maximumValueBytes else { return .unusable(.tooLarge) }
        guard let json = try? JSON(parsing: text, maximumDepth: Limits.metaDepth, isStrict: false) else {
            return .unusable(.invalid)
        }
        let compact = json.compact
        let safe = SafeJSON.escaped(compact) ?? compact
        // The only fault that can remain here is a repeated member.
        if json.isFaulty, (try? JSON(parsing: safe)) == nil { return .unusable(.invalid) }
        return .data(safe)
    }
}

extension PostgresError {
    /// Whether the data of a key makes the statement fail: a data exception (class 22), or one raised by a function.
    var isDataFault: Bool {
        guard let sqlState else { return false }
        return sqlState.hasPrefix("22") || sqlState == "P0001"
    }

    /// The error for a log and a health check: what data raises may show it, so of that the code alone.
    var reason: String {
        guard isDataFault, let sqlState else { return advice }
        return "the data makes the query fail (SQLSTATE \(sqlState))"
    }
}
