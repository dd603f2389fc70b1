// Rollcall · rollcall

import ArgumentParser
import JSONText
import Postgres

/// The command `rollcall migrate`.
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring the database of profiles up to date.",
        discussion: """
            Applies the migrations that the database lacks, in order, each in a transaction. Run it at every deployment: \
            it changes nothing if all are applied, and if several run at once, one works and the others wait.
            """)

    @Flag(help: "Apply pending migrations and roll them back, to show whether they would succeed.")
    var dryRun = false

    @Flag(help: "Show which migrations are applied and which are pending; change nothing.")
    var status = false

    @Option(SettingsTable.declared.databaseURL.info) var databaseURL: String?
    @Option(fileOf: SettingsTable.declared.databaseURL.info) var databaseURLFile: String?
    @Option(SettingsTable.declared.profilesTable.info) var profilesTable: String?

    @Option(
        help: ArgumentHelp(
            "JSON file with settings, of which database_url and profiles_table are read.", valueName: "path"))
    var config: String?

    func validate() throws {
        if dryRun, status { throw ValidationError("--dry-run and --status exclude each other: give one of them.") }
    }

    func run() async throws {
        let settings = SettingsTable.declared
        let info = settings.databaseURL.info
        let flags = [
            info.fileKey: databaseURL, "\(info.fileKey)_file": databaseURLFile,
            settings.profilesTable.info.fileKey: profilesTable,
        ].compactMapValues { $0 }
        let reader = try await SettingsReader(flags: flags, file: config)
        guard let url = try reader.databaseURL() else {
            throw ProgramError.usage("no database to migrate. Set \(info.environmentName) or \(info.flag).")
        }
        let table = try reader.required(settings.profilesTable)
        let (dryRun, status) = (dryRun, status)
        let count = try await DatabaseSession.with(url, table: table) { session throws(PostgresError) in
            let (migrator, connection) = (session.migrator, session.connection)
            if status {
                let states = try await migrator.status(on: connection)
                for (migration, state) in states { Self.printState(migration, "\(state)") }
                return states.count
            }
            if dryRun {
                let pending = try await migrator.rehearse(on: connection)
                for migration in pending { Self.printState(migration, "would be applied") }
                return pending.count
            }
            return try await migrator.run(on: connection) { Self.printState($0, "applied") }.count
        }
        if count == 0 { Terminal.writeOutput("nothing to do\n") }
    }

    @Sendable private static func printState(_ migration: Migration, _ state: String) {
        Terminal.writeOutput("\(migration.name)  \(state)\n")
    }
}
