// Rollcall · rollcall

import ArgumentParser

/// The command `rollcall serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run a node of the service.",
        discussion: """
            Every setting may be a flag, a variable of the environment or a member of the settings file; the first of \
            them that is there wins. SIGTERM or Ctrl-C ends it politely: streams are told to go elsewhere, and nobody \
            who does so within the grace is seen to leave. SIGHUP is ignored.
            """)

    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() async throws {
        let settings = try Settings(from: await SettingsReader(flags: options.given, file: options.config))
        try await Assembly(settings: settings, telemetry: .start(settings)).run()
    }
}
