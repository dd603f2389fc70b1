// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

@Suite("What `rollcall dev` starts")
struct DevOwnershipTests {
    @Test(arguments: [SIGKILL, SIGTERM])
    func `The Redis and the PostgreSQL of dev end with it, also when it is killed`(signal: Int32) async throws {
        let state = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(state) }
        let node = try await RollcallProcess.start(["dev", "--state", state])
        // The node listens before it prints this.
        try await eventually("the welcome") { DevTests.databaseURL(in: node.log) != nil }
        // Only this user can reach the folder: if it is root, the users of the servers cannot.
        let socket = String(try #require(node.log.firstMatch(of: /redis=redis\+unix:\/\/(\S+)/)).1)
        let database = try #require(DevTests.databaseURL(in: node.log))
        let host = try #require(URLComponents(string: database)?.queryItems?.first { $0.name == "host" }?.value)
        #expect(LocalSocket.isOpen("\(host)/.s.PGSQL.5432"))
        #expect(try await LocalSocket.answer(from: socket, to: "PING\r\n") == "+PONG\r\n")
        node.process.send(signal)
        let exit = await node.process.waitUntilExit()
        #expect(exit == (signal == SIGKILL ? .signaled(SIGKILL) : .exited(0)))
        try await eventually("the end of its Redis") { LocalSocket.ask(socket, "PING\r\n") == nil }
        try await eventually("the end of its PostgreSQL") { !LocalSocket.isOpen("\(host)/.s.PGSQL.5432") }
    }
}
