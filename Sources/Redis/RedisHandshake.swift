// Rollcall · Redis

/// Brings a fresh connection to the point where it may be offered; pure.
///
/// Two round trips at most: who we are and who the server is, then the scripts if it is new enough.
struct RedisHandshake: Sendable {
    /// What the connection is for.
    enum Purpose: Sendable, Hashable {
        case commands
        /// Pub/sub: no INFO and no scripts.
        case messages
    }

    enum Progress: Sendable {
        case wait
        case send([RedisCommand])
        case done(RedisSession)
        case failed(RedisError)
    }

    private enum Step: Sendable {
        case authenticate
        case select
        case name
        case info
        case load(RedisScript)
    }

    /// Scripts say with a shebang (`#!lua flags=allow-oom`) what they may do, which older servers cannot read.
    private static let oldestMajorVersion = 7

    private let steps: [(step: Step, command: RedisCommand)]
    private let scripts: [RedisScript]
    private var awaited: [Step] = []
    private var session = RedisSession()
    private var sections: [String] = []
    private var areScriptsSent = false

    init(url: RedisURL, options: RedisOptions, purpose: Purpose) {
        var steps: [(Step, RedisCommand)] = []
        if let credentials = url.credentials {
            let user = credentials.user.map { [RedisArgument($0)] } ?? []
            steps.append((.authenticate, RedisCommand("AUTH", user + [RedisArgument(credentials.password)])))
        }
        if url.database != 0 {
            steps.append((.select, RedisCommand("SELECT", [.integer(url.database)])))
        }
        steps.append((.name, RedisCommand("CLIENT", ["SETNAME", .string(options.clientName)])))
        if purpose == .commands {
            steps.append((.info, RedisCommand("INFO", ["server"])))
            steps.append((.info, RedisCommand("INFO", ["memory"])))
        }
        self.steps = steps
        self.scripts = purpose == .commands ? options.scripts : []
    }

    mutating func start() -> [RedisCommand] {
        awaited = steps.map(\.step)
        return steps.map(\.command)
    }

    mutating func received(_ value: RedisValue) -> Progress {
        guard !awaited.isEmpty else {
            return .failed(RedisError(.protocolViolation, "a reply that nothing asked for"))
        }
        if let error = check(value, of: awaited.removeFirst()) { return .failed(error) }
        guard awaited.isEmpty else { return .wait }
        guard !areScriptsSent else { return .done(session) }
        session.server = RedisServerInfo(sections: sections)
        if let majorVersion = session.server.majorVersion, majorVersion < Self.oldestMajorVersion {
            return .failed(
                RedisError(
                    .invalidSettings,
                    "this server is Redis \(session.server.version); \(Self.oldestMajorVersion).0 or newer is needed"))
        }
        guard !scripts.isEmpty else { return .done(session) }
        areScriptsSent = true
        awaited = scripts.map { .load($0) }
        return .send(scripts.map { RedisCommand("SCRIPT", ["LOAD", .bytes($0.source)]) })
    }

    /// Takes what the reply tells, or gives the error that ends the handshake.
    private mutating func check(_ value: RedisValue, of step: Step) -> RedisError? {
        switch (step, value) {
        case (.authenticate, .error(let error)):
            // Redis may repeat arguments in an error, and here they are the password.
            return RedisError(error.code, "\(error.code.rawValue): Redis refused AUTH")
        case (.select, .error(let error)):
            return error
        case (.name, .error(let error)), (.info, .error(let error)):
            // A server that hides INFO, or refuses names, can still be worked with.
            return error.code == .noPermission || error.code == .other ? nil : error
        case (.load(let script), .error(let error)):
            return RedisError(error.code, "the script \(script.name) was refused: \(error.message)")
        case (.info, .bulk):
            sections.append(value.string ?? "")
            return nil
        case (.load(let script), .bulk):
            session.digests[script] = value.string
            return nil
        case (.authenticate, .status), (.select, .status), (.name, .status):
            return nil
        default:
            return RedisError(.protocolViolation, "a reply of the wrong kind in the handshake")
        }
    }
}
