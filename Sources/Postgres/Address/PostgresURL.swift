// Rollcall · Postgres

import CPostgres

/// The address of a PostgreSQL, with the user and the security of the connection.
///
/// `postgresql://user:password@host:port/database?sslmode=…` or `host=… dbname=…`, as libpq reads them. What the text
/// leaves out comes from libpq's `PG…` variables, password file and service file, and from ``addDefaults(in:)``.
package struct PostgresURL: Sendable, Hashable {
    /// libpq's keywords and their values, secrets among them.
    private(set) var parameters: [String: String]

    /// Reads the text; an error names the fault and never repeats the text, which may hold a password.
    package init(_ text: String) throws(PostgresError) {
        try self.init(text, in: .actual)
    }

    init(_ text: String, in surroundings: PostgresEnvironment) throws(PostgresError) {
        guard !text.isEmpty, !text.utf8.contains(0) else { throw Self.invalid("it is empty or holds a NUL") }
        try Self.refuseOtherScheme(text)
        try Self.refuseStrayMarks(text)
        parameters = try Self.parse(text)
        if let fault = Self.fault(in: parameters) { throw Self.invalid(fault) }
        addDefaults(in: surroundings)
    }

    /// `connect_timeout`, which libpq ignores when it connects without blocking.
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
        var message: UnsafeMutablePointer<CChar>?
        let parsed = PQconninfoParse(text, &message)
        defer { PQfreemem(message) }
        guard let options = parsed else {
            throw invalid(refusal(in: message.map { String(cString: $0) } ?? ""))
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

    /// Throws for an `@` or `/` in a password: libpq would end it there, and take the rest for a host or database.
    private static func refuseStrayMarks(_ text: String) throws(PostgresError) {
        guard let scheme = ["postgresql://", "postgres://"].first(where: text.hasPrefix) else { return }
        let parts = text.dropFirst(scheme.count).split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.dropFirst().first?.prefix { $0 != "?" } ?? ""
        guard parts[0].count(where: { $0 == "@" }) <= 1, !path.contains("@") else {
            throw invalid("it has an @ or / in a name or password; there they are written %40 and %2F")
        }
    }

    /// Throws for a URL of another program, which libpq would take for a broken list of key=value pairs.
    private static func refuseOtherScheme(_ text: String) throws(PostgresError) {
        guard let match = text.prefixMatch(of: /([A-Za-z][A-Za-z0-9+.:-]{0,31}):\/\//) else { return }
        let scheme = match.output.1
        guard scheme != "postgresql", scheme != "postgres" else { return }
        throw invalid("it must begin with postgresql:// or postgres://, not \(scheme)://")
    }

    /// The reason why libpq refuses the text; of its quotes only the name of a parameter is kept.
    ///
    /// A part of a password could stand in the place of a name, so a name is shown only if it looks like one.
    private static func refusal(in message: String) -> String {
        let name = /"([A-Za-z][A-Za-z_]{0,62})"/
        if message.contains("query parameter"), let match = message.firstMatch(of: name) {
            return "libpq knows no parameter \"\(match.output.1)\"; take it out of the URL"
        }
        if message.contains("connection option"), let match = message.firstMatch(of: name) {
            return "libpq knows no keyword \"\(match.output.1)\"; a value with spaces stands in '…'"
        }
        return "libpq cannot read it; marks such as : / @ ? # % & in a name or password are written %3A …"
    }

    private static func invalid(_ reason: String) -> PostgresError {
        PostgresError(.invalidURL, "the PostgreSQL URL cannot be used: \(reason)")
    }
}

extension PostgresURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The user, hosts, ports and database that the text names; `***` stands for a password.
    package var description: String {
        let secret = parameters["password"] == nil ? "" : ":***"
        let user = parameters["user"].map { "\($0)\(secret)@" } ?? ""
        let database = "/" + (parameters["dbname"] ?? "")
        let hosts = Self.list(parameters["host"] ?? parameters["hostaddr"])
        let ports = Self.list(parameters["port"])
        if let folder = hosts.first, hosts.count == 1, folder.hasPrefix("/") {
            return "postgresql://\(user)\(ports.first.map { ":\($0)" } ?? "")\(database)?host=\(folder)"
        }
        let places = hosts.isEmpty ? [""] : hosts
        let addresses = places.enumerated().map { index, host in
            let port = ports.count > 1 ? ports[min(index, ports.count - 1)] : ports.first ?? ""
            return (host.contains(":") ? "[\(host)]" : host) + (port.isEmpty ? "" : ":\(port)")
        }
        return "postgresql://\(user)\(addresses.joined(separator: ","))\(database)"
    }

    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}

/// The parameters and columns of a statement, before it runs; types are the numbers of `pg_type`.
package struct PostgresDescription: Sendable, Hashable {
    package struct Column: Sendable, Hashable {
        package let name: String
        package let type: UInt32

        package init(name: String, type: UInt32) {
            self.name = name
            self.type = type
        }
    }

    package let parameterTypes: [UInt32]
    /// Empty for a statement that gives no rows.
    package let columns: [Column]

    package init(parameterTypes: [UInt32], columns: [Column]) {
        self.parameterTypes = parameterTypes
        self.columns = columns
    }
}
