// Rollcall · rollcall

import ArgumentParser

/// The command `rollcall serve`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run a node of the service.",
        discussion: """
            Every setting may be a flag, an environment variable or a member of the settings file; the first of them \
            wins. At SIGTERM or Ctrl-C the node ends its streams over some seconds; the presence of a client that \
            reconnects within its grace does not leave. At SIGHUP it reads the files with its keys and its certificate \
            again.
            """)

    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() async throws {
        let settings = try Settings(from: await SettingsReader(flags: options.given, file: options.config))
        try await Assembly(settings: settings, telemetry: .start(settings)).run()
    }
}
