// Rollcall · EndToEndTests

import Foundation
import LocalServices
import TestSupport
import Testing

@Suite("What `rollcall dev` starts")
struct DevOwnershipTests {
    @Test("Its Redis ends with it, killed or asked to end", arguments: [SIGKILL, SIGTERM])
    func redisEndsToo(signal: Int32) async throws {
        let state = try TemporaryFolder.make()
        defer { TemporaryFolder.remove(state) }
        let node = try await RollcallProcess.start(["dev", "--state", state])
        let socket = "\(state)/redis/redis.sock"
        #expect(LocalSocket.ask(socket, "PING\r\n") == "+PONG\r\n")
        node.process.send(signal)
        let exit = await node.process.waitUntilExit()
        #expect(exit == (signal == SIGKILL ? .signaled(SIGKILL) : .exited(0)))
        try await eventually("the end of its Redis") { LocalSocket.ask(socket, "PING\r\n") == nil }
    }
}
