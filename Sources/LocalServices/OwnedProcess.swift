// Rollcall · LocalServices

import Foundation
import Subprocess
import Synchronization

/// A child process that cannot outlive its owner.
///
/// It is ended by its process id: by ``stop(grace:asking:)`` or ``kill()``, with the last reference, and also when the
/// owner dies for any reason, SIGKILL included. For the last case a guardian, which is a subshell, waits for the end of
/// a pipe; only the owner holds the other end. The guardian is forked before the program begins, so the child is never
/// unguarded. It also kills the program's own children, which might be frozen or busy. All run in a session of their
/// own: a Ctrl-C in the owner's terminal does not reach them, and the owner decides when they end.
package final class OwnedProcess: Sendable {
    package let pid: Int32
    package let log: ProcessLog
    private let ended: Ended
    private let run: Task<ProcessExit, Never>

    /// The shell script that forks the guardian and then becomes the program.
    ///
    /// `$$` stays the program's process id through `exec`. When the pipe ends, the program is dead and not yet reaped,
    /// or its owner is dead. The guardian stops the program first, so that it starts no more children. The guardian is
    /// a grandchild, so that the program has only children of its own.
    static let guarded = """
        exec 3<&0 0</dev/null
        ( (
            trap '' INT TERM HUP
            read -r _ <&3
            kill -STOP $$
            children=$(cat /proc/$$/task/$$/children || pgrep -P $$)
            kill -KILL $$ $children
        ) >/dev/null 2>&1 & )
        exec 3<&-
        exec "$@"
        """

    /// Starts `executable` and returns once the operating system has given it a process id.
    ///
    /// - Parameters:
    ///   - environment: added to the owner's environment; a `nil` value removes the variable.
    package static func start(
        _ executable: String,
        arguments: [String] = [],
        environment: [String: String?] = [:],
        log: ProcessLog = ProcessLog()
    ) async throws(LocalServicesError) -> OwnedProcess {
        let ended = Ended()
        let (pids, announce) = AsyncStream<Int32>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let run = Task {
            let exit = await Self.run([executable] + arguments, environment, log) { announce.yield($0) }
            ended.set(exit)
            announce.finish()
            return exit
        }
        guard let pid = await pids.first(where: { _ in true }) else {
            throw LocalServicesError(.startFailed, "\(executable) \(await run.value)")
        }
        return OwnedProcess(pid: pid, log: log, ended: ended, run: run)
    }

    private init(pid: Int32, log: ProcessLog, ended: Ended, run: Task<ProcessExit, Never>) {
        self.pid = pid
        self.log = log
        self.ended = ended
        self.run = run
    }

    deinit {
        self.ended.ifStillRunning { _ = Foundation.kill(self.pid, SIGKILL) }
    }

    /// How the process ended, or nil while it runs.
    package var exit: ProcessExit? { self.ended.exit }

    /// Sends a signal, unless the process has ended: another process may have its id by then.
    package func send(_ signal: Int32) {
        self.ended.ifStillRunning { _ = Foundation.kill(self.pid, signal) }
    }

    /// Waits until the process has ended.
    package func waitUntilExit() async -> ProcessExit {
        await self.run.value
    }

    /// Sends `signal`, and SIGKILL after `grace`; returns when the process has ended.
    @discardableResult
    package func stop(grace: Duration = .seconds(10), asking signal: Int32 = SIGTERM) async -> ProcessExit {
        self.send(signal)
        self.send(SIGCONT)  // a stopped process would keep the signal pending for ever
        let force = Task {
            try await Task.sleep(for: grace)
            self.send(SIGKILL)
        }
        defer { force.cancel() }
        return await self.run.value
    }

    /// Sends SIGKILL and returns when the process has ended.
    @discardableResult
    package func kill() async -> ProcessExit {
        self.send(SIGKILL)
        return await self.run.value
    }

    /// Calls `check` every 5 ms until it returns a value; throws `startFailed` if the process ends first or after
    /// `timeout`.
    @discardableResult
    package func ready<Answer: Sendable>(
        within timeout: Duration, _ check: () async -> Answer?
    ) async throws(LocalServicesError) -> Answer {
        let deadline = ContinuousClock.now + timeout
        while true {
            if let answer = await check() { return answer }
            if let exit = self.exit {
                throw LocalServicesError(.startFailed, "process \(self.pid) \(exit)\n\(self.log.tail())")
            }
            guard ContinuousClock.now < deadline, (try? await Task.sleep(for: .milliseconds(5))) != nil else {
                throw LocalServicesError(
                    .startFailed, "process \(self.pid) was not ready after \(timeout)\n\(self.log.tail())")
            }
        }
    }

    private static func run(
        _ command: [String], _ environment: [String: String?], _ log: ProcessLog,
        started: @escaping @Sendable (Int32) -> Void
    ) async -> ProcessExit {
        var options = PlatformOptions()
        options.createSession = true
        do {
            let result = try await Subprocess.run(
                .name("sh"), arguments: Arguments(["-c", Self.guarded, "sh"] + command),
                environment: .inherit.updating(environment.keyed()), platformOptions: options,
                input: .inputWriter, output: .sequence, error: .combinedWithOutput
            ) { execution in
                started(execution.processIdentifier.value)
                for try await buffer in execution.standardOutput {
                    log.append(buffer.withUnsafeBytes { Array($0) })
                }
            }
            switch result.terminationStatus {
            case .exited(let code): return .exited(code)
            case .signaled(let signal): return .signaled(signal)
            }
        } catch {
            return .notStarted("\(error)")
        }
    }
}

extension OwnedProcess {
    /// How the process ended, behind a lock; signals are sent under it, so that they cannot reach another process.
    private final class Ended: Sendable {
        private let state = Mutex<ProcessExit?>(nil)

        var exit: ProcessExit? { self.state.withLock { $0 } }

        func set(_ exit: ProcessExit) {
            self.state.withLock { $0 = exit }
        }

        func ifStillRunning(_ act: () -> Void) {
            self.state.withLock { if $0 == nil { act() } }
        }
    }
}

extension [String: String?] {
    fileprivate func keyed() -> [Environment.Key: String?] {
        [Environment.Key: String?](uniqueKeysWithValues: self.map { (Environment.Key(stringLiteral: $0), $1) })
    }
}

/// How a process ended.
package enum ProcessExit: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case signaled(Int32)
    /// It never ran: the operating system refused to start it.
    case notStarted(String)

    package var description: String {
        switch self {
        case .exited(let code): "exited with code \(code)"
        case .signaled(let signal): "ended by signal \(signal)"
        case .notStarted(let reason): "could not be started: \(reason)"
        }
    }
}
