// Rollcall · Postgres

/// The name of the table of profiles, and the names that are made from it.
///
/// `profiles`, or `schema.profiles`. It is taken as it is, upper and lower case; all but the standard one are quoted.
package struct ProfilesTable: Sendable, Hashable {
    package static let expectation =
        "a name of up to 40 letters, digits and underscores, or schema.name, of up to 54 in all, no part beginning with a digit"
    package static let standard = ProfilesTable(schema: nil, table: "profiles")

    private let schema: String?
    private let table: String

    private init(schema: String?, table: String) {
        self.schema = schema
        self.table = table
    }

    /// Nil for a name that needs escapes, or that makes another name so long that PostgreSQL could cut it off.
    package init?(_ name: String) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), name.utf8.count <= 54, parts.last?.utf8.count ?? 0 <= 40,
            parts.allSatisfy(Self.isPlain)
        else { return nil }
        schema = parts.count == 2 ? parts[0] : nil
        table = parts[parts.count - 1]
    }

    /// The name as it was given.
    package var name: String { schema.map { "\($0).\(table)" } ?? table }

    /// The name as it stands in SQL.
    package var quoted: String { self == .standard ? table : "\(schemaPrefix)\"\(table)\"" }

    package var quotedSchema: String? { schema.map { "\"\($0)\"" } }

    /// The channel that the table's triggers notify with the key as payload.
    package var channel: String { "rollcall_\(name)" }

    /// The table that records the applied migrations, in the same schema.
    var history: String { "\(schemaPrefix)rollcall_migrations" }

    /// A migration's text with this table's names in the place of the standard ones.
    ///
    /// Functions and the channel get names of their own, so that two tables in one database have nothing in common.
    func naming(in sql: String) -> String {
        guard self != .standard else { return sql }
        return
            sql
            .replacing(/FUNCTION rollcall_profiles_(\w+)/) { match in
                "FUNCTION \(schemaPrefix)\"rollcall_\(table)_\(match.output.1)\""
            }
            .replacing("'rollcall_profiles'", with: "'\(channel)'")
            .replacing(/\b(TABLE|ON) profiles\b/) { match in "\(match.output.1) \(quoted)" }
    }

    private var schemaPrefix: String { schema.map { "\"\($0)\"." } ?? "" }

    private static func isPlain(_ part: String) -> Bool {
        guard let first = part.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return part.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
