// Rollcall · PresenceServerTests

import HTTPTypes
import Testing

@testable import PresenceServer

@Suite("The handshake of a WebSocket")
struct SocketHandshakeTests {
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="

    @Test(arguments: ["websocket", "WebSocket", "h2c, websocket"])
    func `the sample key of RFC 6455 gets its answer`(upgrade: String) throws {
        let handshake = try SocketHandshake([
            .upgrade: upgrade, .secWebSocketVersion: "13", .secWebSocketKey: Self.key,
        ])
        #expect(handshake.accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test(
        arguments: [
            [:], [.upgrade: "h2c", .secWebSocketVersion: "13", .secWebSocketKey: SocketHandshakeTests.key],
            [.upgrade: "websocket", .secWebSocketKey: SocketHandshakeTests.key],
            [.upgrade: "websocket", .secWebSocketVersion: "8", .secWebSocketKey: SocketHandshakeTests.key],
        ] as [HTTPFields])
    func `a request without a WebSocket of version 13 is answered with what the path needs`(fields: HTTPFields) {
        let problem = #expect(throws: Problem.self) { try SocketHandshake(fields) }
        #expect(problem?.kind == .upgradeRequired && problem?.kind.status.code == 426)
        #expect(problem?.headers[.upgrade] == "websocket" && problem?.headers[.secWebSocketVersion] == "13")
    }

    @Test(arguments: [[], ["x"], ["dGhlIHNhbXBsZSBub25jZQ"], ["AAAA"], [key, key]])
    func `a key that is missing, wrong or given twice is refused`(keys: [String]) {
        var fields: HTTPFields = [.upgrade: "websocket", .secWebSocketVersion: "13"]
        for key in keys { fields.append(HTTPField(name: .secWebSocketKey, value: key)) }
        let problem = #expect(throws: Problem.self) { try SocketHandshake(fields) }
        #expect(problem?.kind == .invalidHeader && problem?.errors.first?.location == .header("Sec-WebSocket-Key"))
    }
}
