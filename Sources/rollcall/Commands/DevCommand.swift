// Rollcall · rollcall

import ArgumentParser
import Foundation
import LocalServices
import Postgres

/// The command `rollcall dev`.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run a node with a private Redis and PostgreSQL of its own, to try things out.",
        discussion: """
            The Redis keeps nothing on disk: presences are gone when dev ends. The PostgreSQL keeps its profiles in the \
            folder. If it is not installed, dev runs without profiles; if the settings name a database, dev uses that \
            one and changes nothing in it. The node is open to every client that can reach its port. All settings \
            apply but those of the Redis URL and its TLS files.
            """)

    static let inUseHint = "; is `rollcall dev` running here already? --state names another folder"

    @Option(help: ArgumentHelp("Folder for the Redis, the PostgreSQL and their sockets.", valueName: "path"))
    var state = ".rollcall"

    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() async throws {
        let settingsTable = SettingsTable.declared
        let redisKey = settingsTable.redisURL.info.fileKey
        guard options.given[redisKey] == nil, options.given["\(redisKey)_file"] == nil else {
            throw ProgramError.usage("dev brings its own Redis; for another one run: rollcall serve --redis-url …")
        }
        let given = try await SettingsReader(flags: options.given, file: options.config)
        for setting in [settingsTable.host, settingsTable.operatorHost] {
            let host = try given.required(setting)
            guard ["localhost", "::1"].contains(host.lowercased()) || host.wholeMatch(of: /127(\.\d+){3}/) != nil else {
                throw ProgramError.usage(
                    "dev is open to every caller, so it listens on loopback only, not on \(host); "
                        + "rollcall serve needs keys.")
            }
        }
        let namedDatabase = try given.databaseURL()
        let table = try given.required(settingsTable.profilesTable)
        // First, while no other thread reads the environment.
        let foreign = namedDatabase == nil ? DevDatabase.dropForeignVariables() : []
        let redis: LocalRedis
        do {
            redis = try await LocalRedis.start(folder: "\(state)/redis", isUnprivileged: true)
        } catch {
            throw ProgramError.unavailable("\(error)\(error.code == .inUse ? Self.inUseHint : "")")
        }
        var database: DevDatabase?
        do {
            var flags = options.given
            flags[redisKey] = redis.socketURL
            if namedDatabase == nil {
                database = try await DevDatabase.start(in: "\(state)/postgres", table: table)
                flags[settingsTable.databaseURL.info.fileKey] = database?.url
            }
            let psql = database?.psql(without: foreign)
            let settings = try Settings(
                from: await SettingsReader(flags: flags, file: options.config), isOpen: true)
            let node = Assembly(settings: settings, telemetry: .start(settings), hangup: .stops)
            let output = LogOutput(descriptor: STDOUT_FILENO) { _ in "" }
            try await node.run { address in
                output.write(Self.welcome(at: address, psql: psql, table: table))
            }
            await redis.stop()
            await database?.stop()
        } catch {
            await redis.stop()
            await database?.stop()
            throw error
        }
    }

    static func welcome(at address: String, psql: String?, table: ProfilesTable) -> String {
        // Inside the shell's double quotes.
        let name = table.quoted.replacing("\"", with: "\\\"")
        let profiles =
            psql.map { psql in
                """

                Give Alice another title, and see it change:
                  \(psql) -c \\
                  "UPDATE \(name) SET data = data || jsonb_build_object('title', 'Diver') WHERE key = 'Alice'"

                """
            } ?? ""
        return """

            Open this page in a few tabs, also with other names:
              \(address)/?name=Alice

            Watch the same topic from a shell:
              curl -N \(address)/v1/topics/lobby/events
            \(profiles)
            Ctrl-C ends it.


            """
    }
}
