// Rollcall · LocalServices

import Foundation
import Subprocess
import Synchronization

/// A child process that cannot outlive its owner.
///
/// It is ended by its process id: by ``stop(grace:asking:)`` or ``kill()``, when the last reference goes, and also when
/// the process that owns it dies of anything, SIGKILL included. The last is the work of a guardian, a subshell that
/// waits for the end of a pipe whose other end only the owner holds; the guardian is forked before the program begins,
/// so there is no moment in which the child is unguarded. It ends the program's own children as well, which might be
/// frozen or busy. All run in a session of their own: a Ctrl-C in the owner's terminal does not reach them, the owner
/// decides when they end.
package final class OwnedProcess: Sendable {
    package let pid: Int32
    package let log: ProcessLog
    private let ended: Ended
    private let run: Task<ProcessExit, Never>

    /// The shell script that forks the guardian and then becomes the program.
    ///
    /// `$$` stays the program's process id through `exec`. At the end of the pipe the program is either dead already,
    /// and not yet reaped, or has lost its owner; it is stopped first so that it makes no more children. The guardian is
    /// a grandchild, so that the program has no child that it did not make.
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
    ///   - environment: added to the owner's environment; a `nil` value takes the variable away.
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

    /// Sends a signal, unless the process has ended: its id may be another's by then.
    package func send(_ signal: Int32) {
        self.ended.ifStillRunning { _ = Foundation.kill(self.pid, signal) }
    }

    /// Returns when the process has ended by itself.
    package func waitUntilExit() async -> ProcessExit {
        await self.run.value
    }

    /// Asks the process to end, and ends it by force when it has not within `grace`.
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

    /// Ends the process by force.
    @discardableResult
    package func kill() async -> ProcessExit {
        self.send(SIGKILL)
        return await self.run.value
    }

    /// Asks `check` every few milliseconds until it answers; fails when the process ends first or time runs out.
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
    /// Whether the process has ended, behind a lock that a signal is sent under.
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
