// Rollcall · LocalServicesTests

import Foundation
import TestSupport
import Testing

@testable import LocalServices

@Suite("An owned process")
struct OwnedProcessTests {
    @Test func `The output and the exit code of a process are recorded`() async throws {
        let process = try await OwnedProcess.start(
            "/bin/sh", arguments: ["-c", "echo \"$GREETING\"; echo there >&2; exit 7"], environment: ["GREETING": "hi"])
        #expect(await process.waitUntilExit() == .exited(7))
        #expect(process.exit == .exited(7))
        #expect(process.log.lines == ["hi", "there"])
    }

    @Test func `The process id is that of the program`() async throws {
        let process = try await OwnedProcess.start("/bin/sh", arguments: ["-c", "echo $$"])
        _ = await process.waitUntilExit()
        #expect(process.log.lines == ["\(process.pid)"])
    }

    @Test func `The error for a missing program names it`() async throws {
        let process = try await OwnedProcess.start("/no/such/program")
        await #expect {
            try await process.ready(within: .seconds(5)) { () -> Bool? in nil }
        } throws: {
            "\($0)".contains("/no/such/program")
        }
    }

    @Test func `A process that ignores SIGTERM is killed after the grace`() async throws {
        let process = try await OwnedProcess.start(
            "/bin/sh", arguments: ["-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"])
        try await eventually("up") { process.log.text == "up" }
        #expect(await process.stop(grace: .milliseconds(100)) == .signaled(SIGKILL))
    }

    @Test func `A process ends with the last reference to it`() async throws {
        let pid = try await OwnedProcess.start("/bin/sleep", arguments: ["1000"]).pid
        try await eventually("the end of \(pid)") { kill(pid, 0) != 0 }
    }

    /// The guardian is part of the shell script, so a pipe is enough for the test: when an owner is killed, the kernel
    /// closes its end.
    @Test(arguments: ["", "kill -STOP $$;"])
    func `A process that ignores SIGTERM or is stopped ends with its owner`(first: String) async throws {
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

    @Test func `The children of a process end when its owner dies, even stopped ones`() async throws {
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

    /// A process that ended may stay for a while as a zombie, until its parent reaps it.
    private static func isGone(_ pid: Int32) -> Bool {
        guard kill(pid, 0) == 0 else { return true }
        let stat = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        return stat.contains(") Z ")
    }

    @Test func `The ending of a log is the report of a crash, else its last lines`() {
        let log = ProcessLog()
        for number in 0..<100 { log.append(Array("line \(number)\n".utf8)) }
        #expect(log.ending(2) == "line 98\nline 99")
        log.append(Array("*** Program crashed: Bad pointer dereference ***\n".utf8))
        for number in 0..<200 { log.append(Array("frame \(number)\n".utf8)) }
        #expect(log.ending(2).hasPrefix("*** Program crashed") && log.ending(2).hasSuffix("frame 118"))
    }

    @Test func `The log drops its oldest lines at its limit`() {
        let log = ProcessLog(limit: 10)
        log.append("one\ntwo\nthree\nfour\nfi".utf8)
        #expect(log.lines == ["three", "four", "fi"])
        #expect(log.tail(2) == "four\nfi")
    }
}
