// Rollcall · PresenceServerTests

import Access
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import NIOEmbedded
import TestSupport

@testable import PresenceServer

/// A connection of the server on a channel without a socket.
protocol GateConnection: Sendable {
    var channel: NIOAsyncTestingChannel { get }
}

extension GateConnection {
    /// Reads text from the socket.
    func receive(_ text: String) async throws { try await channel.receive(ByteBuffer(string: text)) }

    /// The text that has reached the socket since the last call.
    func sent() async throws -> String {
        var text = ""
        while let bytes = try await channel.readOutbound(as: ByteBuffer.self) { text += String(buffer: bytes) }
        return text
    }

    /// The text of all answers up to one that ends with `end`, a body of the test, and comes behind `mark`.
    func answer(endingWith end: String = "/plain", behind mark: String = "") async throws -> String {
        var text = ""
        return try await eventually("an answer") {
            await channel.testingEventLoop.run()
            text += try await sent()
            return text.hasSuffix(end) && (mark.isEmpty || text.contains(mark)) ? text : nil
        }
    }

    /// How many of the handlers that only a connection without a stream needs are in the pipeline.
    func httpHandlers() async throws -> Int {
        try await channel.testingEventLoop.executeInContext { [channel] in
            let pipeline = channel.pipeline.syncOperations
            return [
                try? pipeline.context(handlerType: RequestStart.self),
                try? pipeline.context(handlerType: DecoderSlot.Decoder.self),
                try? pipeline.context(handlerType: ConnectionHandler.self),
                try? pipeline.context(handlerType: StreamGate.self),
            ].count { $0 != nil }
        }
    }
}

extension NIOAsyncTestingChannel {
    /// Reads bytes from the socket, and runs what is due.
    func receive(_ bytes: ByteBuffer) async throws {
        try await testingEventLoop.executeInContext {
            self.pipeline.syncOperations.fireChannelRead(NIOAny(bytes))
            self.pipeline.syncOperations.fireChannelReadComplete()
        }
        await testingEventLoop.run()
    }
}

extension ServedConnection {
    /// Connections of a server with one route; other requests are recorded, and answered with their paths.
    static func ofTest(_ route: Route, recordingIn requests: Recorder<String>) -> ServedConnection {
        ServedConnection(
            responder: { request, writer, _ in
                requests.record(request.uri.path)
                try await writer.write(
                    response: HTTPResponse(
                        status: .ok, headerFields: [.contentLength: "\(request.uri.path.utf8.count)"]),
                    body: ResponseBody(byteBuffer: ByteBuffer(string: request.uri.path)))
            }, routes: RollcallResponder(table: RouteTable([route]), credentials: .open), times: ConnectionTimes(),
            budget: BodyBudget(limit: 1 << 20))
    }
}
