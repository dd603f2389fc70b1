// Rollcall · PresenceServer

import Access
import Foundation
import HTTPTypes
package import Hummingbird
import NIOCore
import PhoenixSocket
import PresenceModel
import Synchronization

/// Answers the long polls of phoenix.js, which it falls back to when a WebSocket fails.
///
/// phoenix.js reads the status from the body of an answer, so the status of HTTP is 200, also for a refused credential.
package struct LongPollRoutes: Sendable {
    private let sockets: SocketRoutes
    private let table: LongPollTable
    private let forwarder: PollForwarder
    private let secret: SocketSecret

    /// The body of a batch.
    static let batch = BodyType.anyType(limit: 1 << 20)

    package init(sockets: SocketRoutes, table: LongPollTable, forwarder: PollForwarder, secret: SocketSecret) {
        self.sockets = sockets
        self.table = table
        self.forwarder = forwarder
        self.secret = secret
    }

    /// A request with its caller, and the session that it names.
    private struct Asked {
        let opening: SocketRoutes.Opening
        let parameters: SocketParameters
        /// The owner of the sessions of its caller.
        let owner: String
        /// Names a session of its caller; nil if it names none.
        let token: LongPollToken?
    }

    // MARK: Requests

    /// Answers `GET /socket/longpoll`: begins a session, or waits for messages of one.
    package func poll(_ request: Request, context: RollcallRequestContext) async throws -> Response {
        let parameters = SocketParameters(query: request.uri.query)
        let found: Asked?
        do throws(Problem) {
            // HEAD would begin a session that no client knows, or take messages that no client gets.
            found = try request.method == .head ? nil : read(request, parameters, context)
        } catch {
            guard error.kind.status != .forbidden else { throw error }
            sockets.services.callerLimits?.note(error)
            return Self.response(LongPollAnswer(.failed))
        }
        guard let asked = found else { return Self.response(LongPollAnswer(.forbidden)) }
        guard let token = asked.token else { return try await begin(asked, context) }
        guard token.node != forwarder.node else {
            guard let socket = table.find(token.session, of: token.owner), let answered = await socket.poll() else {
                return try await begin(asked, context)
            }
            return response(ByteBuffer(bytes: answered.answer.json), on: context.channel) { wasSent in
                socket.loop.execute { socket.assumeIsolated { $0.answerEnded(answered.id, wasSent: wasSent) } }
            }
        }
        guard case .answer(let answer) = await forwarder.poll(LongPollName(token).text, at: token.node),
            answer.number != UInt32(LongPollAnswer.Status.gone.rawValue)
        else { return try await begin(asked, context) }
        return response(ByteBuffer(bytes: answer.body), on: context.channel) { [forwarder] in
            forwarder.report(answer, wasSent: $0)
        }
    }

    /// Answers `POST /socket/longpoll`: takes messages of the client.
    package func send(_ request: Request, context: RollcallRequestContext) async throws -> Response {
        let parameters = SocketParameters(query: request.uri.query)
        let token: LongPollToken?
        if let alone = tokenAlone(request, parameters) {
            try sockets.admitWithToken(request, context)
            token = alone
        } else {
            guard let asked = try read(request, parameters, context) else {
                return Self.response(LongPollAnswer(.forbidden))
            }
            token = asked.token
        }
        let body = try await request.collectBody(Self.batch)
        guard let token else { return Self.response(LongPollAnswer(.gone)) }
        let hasLines = request.headers[.contentType]?.lowercased().hasPrefix("application/x-ndjson") == true
        let bytes = Array(body.readableBytesView)
        guard token.node != forwarder.node else {
            let socket = table.find(token.session, of: token.owner)
            let isTaken = await socket?.take(bytes, hasLines: hasLines) ?? false
            return Self.response(LongPollAnswer(isTaken ? .ok : .gone))
        }
        switch await forwarder.send(bytes, hasLines: hasLines, to: LongPollName(token).text, at: token.node) {
        case .answer(let answer): return Self.response(ByteBuffer(bytes: answer.body))
        case .unreachable: return Self.response(LongPollAnswer(.gone))
        case .late: return Self.response(LongPollAnswer(.timeout))
        }
    }

    /// Checks a request; nil if its credential is refused.
    private func read(
        _ request: Request, _ parameters: SocketParameters, _ context: RollcallRequestContext
    ) throws(Problem) -> Asked? {
        let opening: SocketRoutes.Opening
        do throws(Problem) {
            opening = try sockets.authenticate(
                request, parameters, authToken: request.headers[.phoenixAuthToken], context)
        } catch {
            guard error.kind == .socketRefused else { throw error }
            return nil
        }
        let owner = LongPollToken.owner(opening.caller.pollSubject, sign: secret.sign)
        let token = token(of: request, parameters)
        return Asked(
            opening: opening, parameters: parameters, owner: owner, token: token?.owner == owner ? token : nil)
    }

    /// The token of a session, if the request has no other credential.
    private func tokenAlone(_ request: Request, _ parameters: SocketParameters) -> LongPollToken? {
        guard request.headers[.authorization] == nil, request.headers[.phoenixAuthToken] == nil,
            parameters.credential == nil
        else { return nil }
        return token(of: request, parameters)
    }

    private func token(of request: Request, _ parameters: SocketParameters) -> LongPollToken? {
        let text = request.headers[.phoenixLongpollToken] ?? parameters.pollToken
        let now = Int(Date().timeIntervalSince1970)
        return text.flatMap { LongPollToken($0, at: now, sign: secret.sign) }
    }

    // MARK: Sessions

    /// Begins a session: phoenix.js takes its first 410 for the opening of its socket.
    private func begin(_ asked: Asked, _ context: RollcallRequestContext) async throws -> Response {
        let (services, caller) = (sockets.services, asked.opening.caller)
        do throws(Problem) {
            try services.callerLimits?.checkStocks(of: caller, topics: 0)
        } catch {
            services.callerLimits?.note(error)
            return Self.response(LongPollAnswer(.forbidden))
        }
        let name = Session.random().text
        let now = Date().timeIntervalSince1970
        let token = LongPollToken(
            node: forwarder.node, session: name, owner: asked.owner,
            expiresAt: caller.end(at: now).map { Int($0.rounded(.up)) }
        ).text(sign: secret.sign)
        let socket = ClientSocket(
            asked.opening.options, asked.parameters, caller: caller, subjects: asked.opening.subjects,
            services: services, loop: context.channel.eventLoop, logger: context.logger)
        guard table.add(socket, as: name, of: asked.owner) else {
            return Self.response(LongPollAnswer(.forbidden))
        }
        await socket.beginPolling(token) { [table] in table.remove(name) }
        return Self.response(LongPollAnswer(.gone, token: token))
    }

    // MARK: Answers

    private static func response(_ answer: LongPollAnswer) -> Response {
        response(ByteBuffer(bytes: answer.json))
    }

    /// Makes an answer with messages, which counts in the node's budget until the client has taken it.
    ///
    /// - Parameter onEnd: Called once, with whether the client's connection has taken the answer.
    private func response(
        _ json: ByteBuffer, on channel: any Channel, onEnd: @escaping @Sendable (Bool) -> Void
    ) -> Response {
        let report = EndReport(onEnd)
        let isLarge = json.readableBytes > AnswerGate.small
        let held = isLarge ? [sockets.services.registry.budget.hold(json, for: .answer(on: channel))] : []
        return Self.response(json) {
            report.send(true)
            if !held.isEmpty { channel.eventLoop.execute { QueueBudget.keep(held, on: channel) } }
        }
    }

    /// - Parameter onWritten: Called when the connection has the whole answer.
    private static func response(_ json: ByteBuffer, onWritten: @escaping @Sendable () -> Void = {}) -> Response {
        let body = ResponseBody(contentLength: json.readableBytes) { writer in
            try await writer.write(json)
            try await writer.finish(nil)
            onWritten()
        }
        return Response(
            status: .ok,
            headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"], body: body)
    }

    /// Reports the end of an answer once; one that was never written has failed.
    private final class EndReport: Sendable {
        private let onEnd: Mutex<(@Sendable (Bool) -> Void)?>

        init(_ onEnd: @escaping @Sendable (Bool) -> Void) { self.onEnd = Mutex(onEnd) }

        func send(_ wasSent: Bool) {
            let action = onEnd.withLock { action in
                defer { action = nil }
                return action
            }
            action?(wasSent)
        }

        deinit { send(false) }
    }
}

extension Caller {
    /// Names the caller to which a session belongs; callers of different kinds have different names.
    fileprivate var pollSubject: String {
        switch identity {
        case .user(let key): "user:" + key.text
        case .apiKey(let id): "apikey:" + id
        case .open, .unknown: "open"
        }
    }
}
