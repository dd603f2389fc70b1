// Rollcall · LocalServicesTests

import Foundation
import TestSupport
import Testing

@testable import LocalServices

@Suite("An owned process")
struct OwnedProcessTests {
    @Test func `Its output and its exit code are known`() async throws {
        let process = try await OwnedProcess.start(
            "/bin/sh", arguments: ["-c", "echo \"$GREETING\"; echo there >&2; exit 7"], environment: ["GREETING": "hi"])
        #expect(await process.waitUntilExit() == .exited(7))
        #expect(process.exit == .exited(7))
        #expect(process.log.lines == ["hi", "there"])
    }

    @Test func `The process id is the program's own`() async throws {
        let process = try await OwnedProcess.start("/bin/sh", arguments: ["-c", "echo $$"])
        _ = await process.waitUntilExit()
        #expect(process.log.lines == ["\(process.pid)"])
    }

    @Test func `A program that is not there says so`() async throws {
        let process = try await OwnedProcess.start("/no/such/program")
        await #expect {
            try await process.ready(within: .seconds(5)) { () -> Bool? in nil }
        } throws: {
            "\($0)".contains("/no/such/program")
        }
    }

    @Test func `One that ignores SIGTERM is ended by force`() async throws {
        let process = try await OwnedProcess.start(
            "/bin/sh", arguments: ["-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"])
        try await eventually("up") { process.log.text == "up" }
        #expect(await process.stop(grace: .milliseconds(100)) == .signaled(SIGKILL))
    }

    @Test func `It ends when the last reference to it goes`() async throws {
        let pid = try await OwnedProcess.start("/bin/sleep", arguments: ["1000"]).pid
        try await eventually("the end of \(pid)") { kill(pid, 0) != 0 }
    }

    /// The guard is the shell's, so it is shown with a pipe alone: what the kernel does when an owner is killed is
    /// to close its end.
    @Test(arguments: ["", "kill -STOP $$;"])
    func `It ends when its owner's end of the pipe closes, be it deaf or stopped`(first: String) async throws {
        let pipe = Pipe()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let program = "trap '' TERM; \(first) while :; do sleep 0.05; done"
        process.arguments = ["-c", OwnedProcess.guarded, "sh", "/bin/sh", "-c", program]
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        #expect(process.isRunning)
        try pipe.fileHandleForWriting.close()
        try await eventually("its end") { !process.isRunning }
        #expect(process.terminationStatus == SIGKILL)
    }

    @Test func `Its children end with it when its owner dies, be they stopped`() async throws {
        let (pipe, output) = (Pipe(), Pipe())
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let program = "sleep 1000 & echo $!; kill -STOP $!; wait"
        process.arguments = ["-c", OwnedProcess.guarded, "sh", "/bin/sh", "-c", program]
        process.standardInput = pipe
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        let child = try #require(Int32(line.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(kill(child, 0) == 0)
        try pipe.fileHandleForWriting.close()
        try await eventually("the end of both") { !process.isRunning && Self.isGone(child) }
    }

    /// A process that ended may stay for a while, until somebody asks how.
    private static func isGone(_ pid: Int32) -> Bool {
        guard kill(pid, 0) == 0 else { return true }
        let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        return stat.contains(") Z ")
    }

    @Test func `The log forgets its oldest lines at its bound`() {
        let log = ProcessLog(limit: 10)
        log.append("one\ntwo\nthree\nfour\nfi".utf8)
        #expect(log.lines == ["three", "four", "fi"])
        #expect(log.tail(2) == "four\nfi")
    }
}
