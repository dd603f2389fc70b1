// Rollcall · Enrichment

package import Postgres

extension FetchRule {
    /// PostgreSQL's numbers of `text[]` and `text`.
    private static let parameterTypes: [UInt32] = [1009, 25]
    /// PostgreSQL's numbers of `json`, `jsonb`, `text` and `varchar`, which may hold JSON.
    private static let dataTypes: Set<UInt32> = [114, 3802, 25, 1043]

    /// Asks the database whether it takes the query, and whether that gives keys and their data.
    ///
    /// Throws `.query` with the query and the reason, `.unavailable` if the database could not be asked.
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

    /// What is wrong with a query that PostgreSQL takes.
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
