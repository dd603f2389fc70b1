// Rollcall · TestSupport

import Foundation
package import LocalServices

/// A node that runs in the built `rollcall` program.
package final class RollcallProcess: Sendable {
    /// `http://127.0.0.1:PORT`, read from its ready line.
    package let url: String
    package let process: OwnedProcess

    private static let readyWords = "rollcall: listening on "

    /// Starts a node and returns when it has logged that it listens.
    ///
    /// - Parameters:
    ///   - arguments: the command and its flags: `["serve"]`, `["dev"]`.
    ///   - environment: settings; variables `ROLLCALL_*` of the test process are not passed on. The port is a free one
    ///     unless `ROLLCALL_PORT` is given, and the node is open unless keys are given.
    package static func start(
        _ arguments: [String], environment: [String: String] = [:], timeout: Duration = .seconds(120)
    ) async throws -> RollcallProcess {
        let process = try await OwnedProcess.start(
            try Self.executable, arguments: arguments, environment: Self.settings(environment))
        let url = try await process.ready(within: timeout * patience) {
            for line in process.log.completeLines {
                if let words = line.firstRange(of: Self.readyWords) {
                    return String(line[words.upperBound...].prefix { !$0.isWhitespace })
                }
            }
            return nil
        }
        return RollcallProcess(url: url, process: process)
    }

    /// Starts `rollcall serve` on a Redis.
    package static func serve(
        redis url: String, environment: [String: String] = [:]
    ) async throws -> RollcallProcess {
        try await Self.start(
            ["serve"], environment: environment.merging(["ROLLCALL_REDIS_URL": url]) { given, _ in given })
    }

    /// Runs a command that ends by itself, such as `rollcall list`.
    package static func run(
        _ arguments: [String], environment: [String: String] = [:], timeout: Duration = .seconds(120)
    ) async throws -> Command.Outcome {
        try await Command.run(
            try Self.executable, arguments, environment: Self.settings(environment), timeout: timeout)
    }

    private init(url: String, process: OwnedProcess) {
        self.url = url
        self.process = process
    }

    package var client: RollcallClient { RollcallClient(self.url) }

    package var pid: Int32 { self.process.pid }

    /// Its output, standard output and standard error together.
    package var log: String { self.process.log.text }

    /// Sends SIGTERM, and SIGKILL after `grace`; returns how the node ended.
    @discardableResult
    package func terminate(grace: Duration = giveUpTime) async -> ProcessExit {
        await self.process.stop(grace: grace)
    }

    /// Sends SIGKILL and returns when the node has ended.
    @discardableResult
    package func kill() async -> ProcessExit {
        await self.process.kill()
    }

    /// Freezes the node, like a long pause of its machine.
    package func pause() {
        self.process.send(SIGSTOP)
    }

    package func resume() {
        self.process.send(SIGCONT)
    }

    /// The built program, or the one that `ROLLCALL_EXECUTABLE` names.
    package static var executable: String {
        get throws {
            if let given = ProcessInfo.processInfo.environment["ROLLCALL_EXECUTABLE"] { return given }
            return try Self.built("rollcall")
        }
    }

    /// The path of a program of this build, which is beside the test bundle.
    package static func built(_ name: String) throws -> String {
        for argument in CommandLine.arguments where argument.contains(".xctest") {
            var folder = URL(fileURLWithPath: argument)
            while folder.path != "/" {
                folder.deleteLastPathComponent()
                let candidate = folder.appendingPathComponent(name).path
                var isFolder: ObjCBool = false
                if FileManager.default.fileExists(atPath: candidate, isDirectory: &isFolder), !isFolder.boolValue,
                    FileManager.default.isExecutableFile(atPath: candidate)
                {
                    return candidate
                }
            }
        }
        throw LocalServicesError(
            .notInstalled, "no built \(name) beside \(CommandLine.arguments[0]); ROLLCALL_EXECUTABLE names rollcall")
    }

    private static func settings(_ given: [String: String]) -> [String: String?] {
        var settings: [String: String?] = [:]
        for name in ProcessInfo.processInfo.environment.keys where name.hasPrefix("ROLLCALL_") {
            settings.updateValue(nil, forKey: name)
        }
        settings["ROLLCALL_PORT"] = "0"
        let keys = ["ROLLCALL_API_KEYS", "ROLLCALL_API_KEYS_FILE", "ROLLCALL_TOKEN_SECRET", "ROLLCALL_TOKEN_KEYS"]
        if given.keys.contains(where: keys.contains) == false { settings["ROLLCALL_OPEN"] = "true" }
        return settings.merging(given.mapValues(Optional.some)) { _, given in given }
    }
}

/// Runs `body` with a node and stops the node afterwards; an error of `body` gets the node's last lines.
package func withRollcall<Result>(
    redis url: String, environment: [String: String] = [:],
    isolation: isolated (any Actor)? = #isolation,
    _ body: (RollcallProcess) async throws -> sending Result
) async throws -> sending Result {
    let node = try await RollcallProcess.serve(redis: url, environment: environment)
    do {
        let result = try await body(node)
        await node.terminate()
        return result
    } catch {
        await node.terminate(grace: .seconds(20))
        throw NodeTestFailure(error: error, log: node.process.log.ending())
    }
}

/// A test's error together with the last lines of its node.
package struct NodeTestFailure: Error, CustomStringConvertible {
    package let error: any Error
    package let log: String

    package init(error: any Error, log: String) {
        self.error = error
        self.log = log
    }

    package var description: String { "\(self.error)\nThe node's last lines:\n\(self.log)" }
}
