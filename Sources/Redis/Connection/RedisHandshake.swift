// Rollcall · Redis

/// The handshake of a new connection, after which it may be offered; pure.
///
/// Three round trips at most: the client logs in and asks for the version of the server, then it loads the scripts,
/// then it asks what the server permits.
struct RedisHandshake: Sendable {
    /// The use of the connection.
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
        case rights
        case writing
    }

    private enum Phase: Sendable {
        /// → loading
        case login
        /// → admission
        case loading
        case admission
    }

    private let steps: [(step: Step, command: RedisCommand)]
    private let scripts: [RedisScript]
    private let admission: RedisAdmission?
    private let refusals: RedisRefusals
    private var phase = Phase.login
    private var awaited: [Step] = []
    private var session = RedisSession()
    private var sections: [String] = []

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
        self.admission = purpose == .commands ? options.admission : nil
        let own = admission.map { [$0.rights, $0.writing] } ?? []
        self.scripts = purpose == .commands ? options.scripts + own : []
        self.refusals = RedisRefusals(urlName: options.urlName, database: url.database)
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
        switch phase {
        case .login:
            session.server = RedisServerInfo(sections: sections)
            if let error = session.server.unsuitability { return .failed(error) }
            guard !scripts.isEmpty else { return .done(session) }
            phase = .loading
            awaited = scripts.map { .load($0) }
            return .send(scripts.map { RedisCommand("SCRIPT", ["LOAD", .bytes($0.source)]) })
        case .loading:
            guard let admission else { return .done(session) }
            phase = .admission
            awaited = [.rights, .writing]
            return .send(session.commands(admission))
        case .admission:
            return .done(session)
        }
    }

    /// Stores the result of a step, or returns the error that ends the handshake.
    private mutating func check(_ value: RedisValue, of step: Step) -> RedisError? {
        if case .error(let error) = value, let end = refusals.end(after: error) { return end }
        switch (step, value) {
        case (.authenticate, .error(let error)):
            return refusals.authentication(error)
        case (.select, .error(let error)):
            return refusals.selection(error)
        case (.name, .error(let error)), (.info, .error(let error)):
            // A server that refuses INFO or a client name can still be read from. INFO is among the rights.
            return error.code == .noPermission || error.code == .other ? nil : error
        case (.load(let script), .error(let error)):
            return refusals.script(script, error)
        case (.rights, _):
            do throws(RedisError) { try session.standing.read(rights: value) } catch {
                return refusals.script(admission?.rights, error)
            }
            return nil
        case (.writing, _):
            do throws(RedisError) { try session.standing.read(writing: value) } catch {
                return refusals.script(admission?.writing, error)
            }
            return nil
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

/// The result of a handshake: the server, what it permits, and the digests of the scripts.
struct RedisSession: Sendable {
    var server = RedisServerInfo(sections: [])
    var standing = RedisPermissions()
    /// The digests of the loaded scripts.
    var digests: [RedisScript: String] = [:]

    /// Makes the call of a script: by its digest, or with its text when it was not loaded.
    func command(_ script: RedisScript, keys: [RedisArgument], arguments: [RedisArgument]) -> RedisCommand {
        RedisCommand(digest: digests[script], source: script.source, keys: keys, arguments: arguments)
    }

    /// Makes the commands of an admission: what the user may do, then whether writes are taken.
    func commands(_ admission: RedisAdmission) -> [RedisCommand] {
        [
            command(admission.rights, keys: [], arguments: admission.arguments),
            command(admission.writing, keys: [], arguments: []),
        ]
    }
}
