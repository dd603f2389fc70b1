// Rollcall · rollcall

import ArgumentParser
import Basics
import PresenceModel

/// The options of every command that connects to a service.
struct ClientOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the service is. (\(ServiceURL.environmentName); default: \(ServiceURL.fallback))", valueName: "url"))
    var url: String?

    /// Runs `body` with a client of the service, and shuts the client down.
    func withClient<Result: Sendable>(
        _ body: @escaping @Sendable (ServiceClient) async throws -> Result
    ) async throws -> Result {
        let client = try ServiceClient(service: ServiceURL(flag: url))
        do {
            let result = try await body(client)
            try? await client.shutdown()
            return result
        } catch {
            try? await client.shutdown()
            throw error
        }
    }
}

extension ProgramError {
    /// Reads a flag or an argument; throws `usage` with its name when it is wrong.
    static func reading<Value>(
        _ name: String, _ read: () throws(InputError) -> Value
    ) throws(ProgramError) -> Value {
        do {
            return try read()
        } catch {
            throw .usage("\(name): \(error.detail)")
        }
    }
}
