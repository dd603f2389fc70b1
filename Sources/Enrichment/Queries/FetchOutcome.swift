// Rollcall · Enrichment

import JSONText
import Postgres
import PresenceModel

/// The outcome of a query for a batch.
struct FetchOutcome: Sendable {
    enum Answer: Hashable, Sendable {
        /// Compact JSON.
        case data([UInt8])
        /// No row, or NULL.
        case nothing
        /// A value that cannot be shown.
        case unusable(Unusable)
    }

    enum Unusable: String, CaseIterable, Sendable {
        case tooLarge = "too_large"
        case invalid = "invalid_json"
    }

    /// The bound on the text of a value as PostgreSQL writes it, in bytes.
    static let maximumValueBytes = 64 << 10

    /// An answer for each key of the batch; empty if the query failed.
    var answers: [Key: Answer] = [:]
    /// Why the query failed; nil if it was answered.
    var failure: PostgresError?

    var ending: AskedKeys.Ending {
        guard let failure else { return .answered }
        return failure.isDataFault ? .raised : .failed
    }

    /// Reads the answers for some keys; throws `.refused` if the rows have fewer than two columns.
    ///
    /// Rows of other keys are ignored; of two rows for one key the last counts.
    static func answers(
        for keys: some Collection<Key>, in result: PostgresRows
    ) throws(PostgresError) -> [Key: Answer] {
        guard result.columns.count >= 2 else {
            throw PostgresError(
                .refused, "the query has \(result.columns.count) column, needs two: the key and its data")
        }
        var answers: [Key: [UInt8]?] = [:]
        answers.reserveCapacity(keys.count)
        for key in keys { answers[key] = .some(nil) }
        for row in result.rows {
            guard let name = row[0], let key = Key(utf8: name), answers[key] != nil else { continue }
            answers[key] = .some(row[1])
        }
        return answers.mapValues { $0.map(answer) ?? .nothing }
    }

    /// Compacts a value, because a line end in it would break an event, and makes it safe for every reader.
    ///
    /// A column of type `json` or `text` may hold half of a surrogate pair, which `jsonb` refuses; it becomes U+FFFD.
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
    /// Whether the data of a key made the statement fail: a data exception (class 22), or one that a function raised.
    var isDataFault: Bool {
        guard let sqlState else { return false }
        return sqlState.hasPrefix("22") || sqlState == "P0001"
    }

    /// The error for a log and a health check.
    ///
    /// The text of an error of data may contain the data, so the reason has only its code.
    var reason: String {
        guard isDataFault, let sqlState else { return advice }
        return "the data makes the query fail (SQLSTATE \(sqlState))"
    }
}
