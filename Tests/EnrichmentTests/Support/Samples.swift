// Rollcall · EnrichmentTests

import Postgres
import PresenceModel

@testable import Enrichment

func key(_ text: String) -> Key { Key(utf8: text.utf8)! }

func keys(_ texts: String...) -> [Key] { texts.map(key) }

/// The keys `k0`, `k1` and so on.
func keys(_ numbers: Range<Int>) -> [Key] { numbers.map { key("k\($0)") } }

func topic(_ text: String) -> Topic { Array(text.utf8).withUnsafeBufferPointer { Topic(utf8: $0) }! }

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

let lost = PostgresError(.lost, "the connection was lost")
let raised = PostgresError(.refused, "raised by a function", sqlState: "P0001")

extension FetchRule {
    /// A rule with a time-out that a busy machine does not reach.
    static let sample = FetchRule(
        field: "user", query: "SELECT key, data FROM people WHERE key = ANY($1)", timeout: .seconds(10))
    /// The standard rule with the same time-out.
    static let profiles = FetchRule(field: "user", query: standard(for: .standard)[0].query, timeout: .seconds(10))
    static let topical = FetchRule(
        field: "role", query: "SELECT key, data FROM roles WHERE key = ANY($1) AND topic = $2")
}

extension EnrichmentFields {
    func text(_ name: String) -> String? { self[key(name)].map { String(decoding: $0, as: UTF8.self) } }
}
