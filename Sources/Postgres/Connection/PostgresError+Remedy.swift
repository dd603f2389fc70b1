// Rollcall · Postgres

extension PostgresError {
    /// What a person must do before the same attempt can succeed; nil for an error that may end by itself.
    package var remedy: String? {
        switch sqlState {
        // invalid_authorization_specification, invalid_password
        case "28000", "28P01": "check the user, the password and the server's pg_hba.conf"
        // invalid_catalog_name
        case "3D000": "make the database, or name another one"
        // undefined_table
        case "42P01":
            "make the table (for the one of profiles run `rollcall migrate` with the node's ROLLCALL_PROFILES_TABLE), "
                + "or change the query"
        // undefined_column, undefined_function
        case "42703", "42883": "make it in the database, or change the query"
        // insufficient_privilege
        case "42501": "grant the user this right"
        // read_only_sql_transaction
        case "25006": "name the primary server: target_session_attrs=read-write"
        default: uncodedRemedy
        }
    }

    /// The error of a server that is older than ``PostgresHandle/oldestServer``.
    static func serverIsTooOld(_ server: String, oldest: String) -> PostgresError {
        PostgresError(.unavailable, "the server is PostgreSQL \(server); PostgreSQL \(oldest) \(tooOld)")
    }

    private static let tooOld = "or newer is needed"

    /// Whether the same attempt fails again until a person does something.
    package var isPermanent: Bool { remedy != nil }

    /// The error and its remedy, for people.
    package var advice: String { remedy.map { "\(description): \($0)" } ?? description }

    /// Our own messages and libpq's have no code; they are always English.
    private var uncodedRemedy: String? {
        if sqlState == nil, message.hasSuffix(Self.tooOld) { return "use a newer PostgreSQL" }
        if message.contains("server does not support SSL") {
            return "let the server speak TLS, or set sslmode=disable where the network itself is private"
        }
        if message.contains("certificate verify failed") || message.contains("root certificate file") {
            return "name the authority of the server's certificate with sslrootcert"
        }
        return message.contains("server certificate for") ? "name the server as its certificate does" : nil
    }
}

extension PostgresError {
    /// Reads libpq's verbose message about an attempt to connect: `…FATAL:  28P01: password …`.
    ///
    /// Only the verbose message has the code. Its lines that name a place in PostgreSQL's source are dropped.
    init(startup text: String, otherwise: String) {
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("LOCATION:") }
        let whole = oneLine(lines.joined(separator: "\n"))
        guard let match = whole.firstMatch(of: #/:  ([0-9A-Z]{5}): /#) else {
            self.init(.unavailable, whole.isEmpty ? otherwise : whole)
            return
        }
        self.init(
            .unavailable, whole.replacing(#/:  [0-9A-Z]{5}: /#, with: ":  "), sqlState: String(match.output.1))
    }
}
