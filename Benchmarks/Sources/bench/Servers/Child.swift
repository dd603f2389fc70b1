// Rollcall · bench

import Foundation
import Glibc
import LoadGenerator

/// A program that this one starts and ends by its pid.
///
/// It gets SIGTERM if this program is killed, where setpriv exists.
final class Child {
    let pid: pid_t
    let log: String
    private var hasEnded = false

    /// Starts the program; its output goes to the log; the variables are added to the environment of this program.
    init(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], log: String = "/dev/null"
    ) throws(LoadError) {
        self.log = log
        var words = [program] + arguments
        var isGuarded = false
        if access("/usr/bin/setpriv", X_OK) == 0 {
            words = ["/usr/bin/setpriv", "--pdeathsig", "TERM"] + words
            isGuarded = true
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_CREAT | O_WRONLY | O_TRUNC, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // A separate process group, so that Ctrl-C reaches only this program, which ends the child in order.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var texts = words.map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var settings = variables.map { strdup("\($0)=\($1)") } + [nil]
        defer { for setting in settings { free(setting) } }
        var pid: pid_t = 0
        guard posix_spawnp(&pid, isGuarded ? words[0] : program, &actions, &attributes, &texts, &settings) == 0 else {
            throw LoadError("\(program) cannot be started")
        }
        self.pid = pid
    }

    deinit {
        end(signal: SIGKILL)
    }

    /// Runs a program to its end and returns its output; throws if it fails.
    @discardableResult
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws(LoadError) -> String {
        let log = "/tmp/rollcall-bench-output-\(getpid())"
        defer { unlink(log) }
        let child = try Child(program, arguments, environment: environment, log: log)
        let status = child.wait()
        let output = child.output
        guard status == 0 else { throw LoadError("\(program) failed: \(output)") }
        return output
    }

    var output: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }

    var isRunning: Bool {
        guard !hasEnded else { return false }
        var info = siginfo_t()
        guard waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0, info.si_signo == SIGCHLD else {
            return true
        }
        _ = wait()
        return false
    }

    func wait() -> Int32 {
        guard !hasEnded else { return 0 }
        var info = siginfo_t()
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) < 0, errno == EINTR {}
        // nginx leaves a worker that does not stop in time. Until waitpid, no other process group gets this number.
        kill(-pid, SIGKILL)
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        hasEnded = true
        return status
    }

    /// Sends the signal, and after ten seconds SIGKILL.
    func end(signal: Int32 = SIGTERM) {
        guard isRunning else { return }
        kill(pid, signal)
        for _ in 0..<1000 {
            if !isRunning { return }
            usleep(10_000)
        }
        kill(pid, SIGKILL)
        _ = wait()
    }

    /// Waits until the condition holds; throws with the log if the program ends first or the time is over.
    func await(seconds: Double = 20, until isReady: () -> Bool) throws(LoadError) {
        let deadline = Clock.now + UInt64(seconds * 1e9)
        while !isReady() {
            guard isRunning else { throw LoadError("a server ended at once: \(output.suffix(2000))") }
            guard Clock.now < deadline else {
                throw LoadError("a server was not ready in time: \(output.suffix(2000))")
            }
            try Interruption.sleep(milliseconds: 10)
        }
    }
}
