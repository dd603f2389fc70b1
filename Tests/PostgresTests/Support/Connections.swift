// Rollcall · PostgresTests

import Postgres
import TestSupport

/// Lends a connection to a fresh database.
func withConnection(_ body: (PostgresConnection) async throws -> Void) async throws {
    try await withPostgres { url in
        let connection = try await PostgresConnection.connect(to: try PostgresURL(url), timeout: .seconds(60))
        defer { connection.close() }
        try await body(connection)
    }
}

extension PostgresConnection {
    func outcome(
        _ sql: String, _ parameters: [PostgresParameter] = [], timeout: Duration = .seconds(60)
    ) -> Result<PostgresRows, PostgresError> {
        do throws(PostgresError) {
            return .success(try query(sql, parameters, timeout: timeout))
        } catch {
            return .failure(error)
        }
    }

    /// Returns the first value of the first row, or the error, as text.
    func text(_ sql: String, timeout: Duration = .seconds(60)) -> String? {
        switch outcome(sql, timeout: timeout) {
        case .success(let result): result.firstText
        case .failure(let error): "\(error)"
        }
    }
}

extension PostgresRows {
    var firstText: String? {
        rows.first?.first?.map { String(decoding: $0, as: UTF8.self) }
    }
}

extension Result {
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
