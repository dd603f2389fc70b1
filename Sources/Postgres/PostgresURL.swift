// Rollcall · Postgres

import CPostgres

/// Where a PostgreSQL is, who we are there, and how the way to it is secured.
///
/// `postgresql://user:password@host:port/database?sslmode=…` or `host=… dbname=…`, as libpq reads them. What the text
/// leaves out comes from libpq's `PG…` variables, password file and service file, and from ``addDefaults(in:)``.
package struct PostgresURL: Sendable, Hashable {
    /// libpq's keywords and their values, secrets among them.
    private(set) var parameters: [String: String]

    /// Reads the text; an error says what is wrong and never repeats the text, which may hold a password.
    package init(_ text: String) throws(PostgresError) {
        try self.init(text, in: .actual)
    }

    init(_ text: String, in surroundings: PostgresSurroundings) throws(PostgresError) {
        guard !text.isEmpty, !text.utf8.contains(0) else { throw Self.invalid("it is empty or holds a NUL") }
        try Self.refuseStrayMarks(text)
        parameters = try Self.parse(text)
        let ports = parameters["port"]?.split(separator: ",") ?? []
        guard ports.allSatisfy({ UInt16($0) ?? 0 > 0 }) else {
            throw Self.invalid("its port is not a number from 1 to 65535")
        }
        addDefaults(in: surroundings)
    }

    /// `connect_timeout`, which libpq leaves to those who connect without blocking.
    var connectTimeout: Duration? {
        parameters["connect_timeout"].flatMap(Int.init).flatMap { $0 > 0 ? .seconds($0) : nil }
    }

    mutating func setDefault(_ keyword: String, _ value: String) {
        if parameters[keyword] == nil { parameters[keyword] = value }
    }

    mutating func set(_ keyword: String, _ value: String) {
        parameters[keyword] = value
    }

    private static func parse(_ text: String) throws(PostgresError) -> [String: String] {
        // libpq's message is of no use to us: it quotes the text.
        guard let options = PQconninfoParse(text, nil) else {
            throw invalid("libpq cannot read it; marks such as : / @ ? # % & in a name or password are written %3A …")
        }
        defer { PQconninfoFree(options) }
        var parameters: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { parameters[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return parameters
    }

    /// Refuses an `@` or `/` of a password that libpq would take for the end of it, and the rest for a host or database.
    private static func refuseStrayMarks(_ text: String) throws(PostgresError) {
        guard let scheme = ["postgresql://", "postgres://"].first(where: text.hasPrefix) else { return }
        let parts = text.dropFirst(scheme.count).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.dropFirst().first?.prefix { $0 != "?" } ?? ""
        guard parts[0].count(where: { $0 == "@" }) <= 1, !path.contains("@") else {
            throw invalid("it has an @ or / in a name or password; there they are written %40 and %2F")
        }
    }

    private static func invalid(_ reason: String) -> PostgresError {
        PostgresError(.invalidURL, "the PostgreSQL URL cannot be used: \(reason)")
    }
}

extension PostgresURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The user, host, port and database that the text names; of a password only that there is one.
    package var description: String {
        let secret = parameters["password"] == nil ? "" : ":***"
        let user = parameters["user"].map { "\($0)\(secret)@" } ?? ""
        let port = parameters["port"].map { ":\($0)" } ?? ""
        let database = "/" + (parameters["dbname"] ?? "")
        let host = parameters["host"] ?? parameters["hostaddr"] ?? ""
        return host.hasPrefix("/")
            ? "postgresql://\(user)\(port)\(database)?host=\(host)" : "postgresql://\(user)\(host)\(port)\(database)"
    }

    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}
