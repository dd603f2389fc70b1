// Rollcall · rollcall

import ArgumentParser
import LocalServices

/// The command `rollcall dev`.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev", abstract: "Run a node with a private Redis of its own, to try things out.",
        discussion: """
            Brings its own redis-server, which keeps nothing on disk: presences are gone when it ends. Open to everybody who can reach the port. All settings but the Redis URL apply.
            """)

    @Option(help: ArgumentHelp("Folder for the Redis and its socket.", valueName: "path"))
    var state = ".rollcall"

    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() async throws {
        guard options.given[SettingsTable.redisURL.info.fileKey] == nil else {
            throw ProgramError.usage("dev brings its own Redis; for another one run: rollcall serve --redis-url …")
        }
        let redis: LocalRedis
        do {
            redis = try await LocalRedis.start(folder: "\(state)/redis")
        } catch {
            let hint =
                error.code == .inUse ? "; is `rollcall dev` running here already? --state names another folder" : ""
            throw ProgramError.unavailable("\(error)\(hint)")
        }
        do {
            var flags = options.given
            flags[SettingsTable.redisURL.info.fileKey] = redis.socketURL
            let reader = try await SettingsReader(flags: flags, file: options.config)
            try await Assembly(settings: Settings(from: reader)).run { address in
                Terminal.writeOutput(Self.welcome(at: address))
            }
            await redis.stop()
        } catch {
            await redis.stop()
            throw error
        }
    }

    private static func welcome(at address: String) -> String {
        """

        Open this page in a few tabs, also with other names:
          \(address)/?name=Alice

        Watch the same topic from a shell:
          curl -N \(address)/v1/topics/lobby/events

        Ctrl-C ends it.


        """
    }
}
