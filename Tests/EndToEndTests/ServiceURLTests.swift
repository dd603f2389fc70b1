// Rollcall · EndToEndTests

import LocalServices
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import rollcall

@Suite("The service's URL")
struct ServiceURLTests {
    private func url(_ text: String, flag: String? = nil) throws -> ServiceURL {
        try ServiceURL(flag: flag, environment: ["ROLLCALL_URL": text])
    }

    @Test func `a user and a password are sent as Basic authentication, and shown nowhere`() throws {
        let url = try url(" https://us%40er:p%3Aw%2F@presence.example:8443/base/\n")
        #expect(url.description == "https://presence.example:8443/base")
        #expect(url.authorization == "Basic dXNAZXI6cDp3Lw==")
        #expect(url.topic("a b") == "https://presence.example:8443/base/v1/topics/a%20b")
        #expect(try self.url("http://h").authorization == nil)
        #expect(try self.url("http://token@h").authorization == "Basic dG9rZW46")
    }

    @Test func `an empty value counts as none`() throws {
        #expect(try url(" \n").description == ServiceURL.fallback)
        #expect(try url("http://a", flag: "").description == "http://a")
        #expect(try url("http://[::1]:4000").description == "http://[::1]:4000")
    }

    @Test(arguments: [
        "ftp://u:hunter2@h", "http://u:hunter2@", "u:hunter2@h", "http://u:hunter2@h?x=1", "http://u:hunter2@h:99999",
        "http://u:hunter2#x@h", "http://u:hunter2/x@h", "https//u:hunter2@h",
    ])
    func `a URL that cannot be used is refused without its password`(text: String) throws {
        let error = try #require(throws: ProgramError.self) { try url(text) }
        #expect(error.code == .usage && error.description.contains("ROLLCALL_URL"))
        #expect(!error.description.contains("hunter2") && !error.description.contains("er2"), "\(error)")
    }

    @Test func `a password in the flag is refused, since the list of processes shows it`() throws {
        let error = try #require(throws: ProgramError.self) { try url("", flag: "http://u:hunter2@h") }
        #expect(error.description.contains("ROLLCALL_URL") && !error.description.contains("hunter2"))
    }

    @Test(arguments: [["list", "lobby"], ["watch", "lobby"], ["track", "lobby", "alice"]])
    func `every command sends the password, and shows it in no output when it is refused`(command: [String])
        async throws
    {
        let seen = Recorder<String>()
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Unauthorized(seen))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress?.port ?? 0
        let outcome = try await RollcallProcess.run(
            command, environment: ["ROLLCALL_URL": "http://user:hunter2secret@127.0.0.1:\(port)"])
        try await server.close()
        #expect(seen.all.joined().lowercased().contains("authorization: basic dxnlcjpodw50zxiyc2vjcmv0\r\n"))
        #expect(outcome.code == 1 && outcome.errors.contains("401"))
        #expect(!(outcome.output + outcome.errors).contains("hunter2secret"))
    }
}

/// Records what a client sends, and answers 401.
private final class Unauthorized: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let seen: Recorder<String>
    private var head = ""

    init(_ seen: Recorder<String>) { self.seen = seen }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        head += String(buffer: unwrapInboundIn(data))
        guard head.contains("\r\n\r\n") else { return }
        seen.record(head)
        head = ""
        let answer = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
    }
}
