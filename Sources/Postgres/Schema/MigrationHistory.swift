// Rollcall · Postgres

/// The migrations of a program beside the records of a database; refuses those that do not fit.
///
/// Pure: the migrator queries PostgreSQL and passes the answers in.
struct MigrationHistory {
    struct Record: Hashable {
        let number: Int
        let name: String
        let checksum: String
        let appliedAt: String
    }

    private let known: [Migration]
    private let records: [Int: Record]

    /// - Parameters:
    ///   - checksums: The checksums of `known`, in their order.
    ///   - records: The records of the database, in any order.
    init(known: [Migration], checksums: [String], records: [Record]) throws(PostgresError) {
        try Self.refuseDisorder(in: known)
        let sums = Dictionary(uniqueKeysWithValues: zip(known.map(\.number), checksums))
        let names = Dictionary(uniqueKeysWithValues: known.map { ($0.number, $0.name) })
        for record in records.sorted(by: { $0.number < $1.number }) {
            guard names[record.number] == record.name else {
                throw Self.fault(
                    record.name,
                    "is missing: the database has it, but this program does not know it. "
                        + "Was it renamed, or applied by a newer version?")
            }
            guard sums[record.number] == record.checksum else {
                throw Self.fault(
                    record.name,
                    "was edited after the database had applied it. "
                        + "Put its text back and make the change in a new migration")
            }
        }
        self.known = known
        self.records = Dictionary(records.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        let last = records.max { $0.number < $1.number }
        if let last, let late = pending.first(where: { $0.number < last.number }) {
            throw Self.fault(
                late.name, "is out of order: the database has \(last.name) already. Give it a higher number")
        }
    }

    /// The migrations that the database has not applied yet, in order.
    var pending: [Migration] { known.filter { records[$0.number] == nil } }

    /// All known migrations, in order, each with its state in the database.
    var states: [(migration: Migration, state: MigrationState)] {
        known.map { ($0, records[$0.number].map { .applied($0.appliedAt) } ?? .pending) }
    }

    /// Throws when the numbers of the list do not rise.
    static func refuseDisorder(in migrations: [Migration]) throws(PostgresError) {
        for (earlier, later) in zip(migrations, migrations.dropFirst()) where later.number <= earlier.number {
            throw fault(
                later.name,
                later.number == earlier.number
                    ? "has the same number as \(earlier.name)" : "is out of order: it comes after \(earlier.name)")
        }
    }

    static func fault(_ name: String, _ reason: String, sqlState: String? = nil) -> PostgresError {
        PostgresError(.migration, "migration \(name) \(reason)", sqlState: sqlState)
    }
}
