// Rollcall · rollcall

import AsyncHTTPClient
import Basics
import Foundation
import JSONText
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import PEMFiles
import PresenceModel

/// Sends requests to a Rollcall service, and describes failures in sentences for the user.
struct ServiceClient: Sendable {
    let service: ServiceURL
    private let http: HTTPClient
    /// Whether the environment has a token or an API key.
    let hasToken: Bool
    /// The value of `Authorization`: that of `ROLLCALL_TOKEN`, else that of the URL.
    private let authorization: String?

    /// The time without a byte after which the service counts as gone; longer than the longest ping interval.
    private static let silence = TimeAmount.seconds(40)
    /// Bytes of one answer; a longer one is an error.
    private static let longestAnswer = 1 << 28
    /// The time-out of the last request of a command that a user ends.
    private static let lastRequestTimeout = TimeAmount.seconds(5)

    /// Throws `usage` if the service speaks TLS and `SSL_CERT_FILE` names a file that cannot be used.
    init(
        service: ServiceURL, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ProgramError) {
        self.service = service
        let token = environment["ROLLCALL_TOKEN"]?.trimmingCharacters(in: .whitespacesAndNewlines)
        hasToken = token?.isEmpty == false
        authorization = token.flatMap { $0.isEmpty ? nil : "Bearer \($0)" } ?? service.authorization
        var configuration = HTTPClient.Configuration()
        // A refused connection fails at once; the caller decides whether and when to retry.
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout = .init(connect: .seconds(5), read: Self.silence)
        if service.isSecure { configuration.tlsConfiguration = try Self.trust(in: environment) }
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func shutdown() async throws {
        try await http.shutdown()
    }

    /// Gets a JSON document.
    func get(_ url: String) async throws -> JSON {
        let body = try await answer(to: HTTPClientRequest(url: url)).body.collect(upTo: Self.longestAnswer)
        do {
            return try JSON(answer: Array(body.readableBytesView))
        } catch {
            throw ProgramError.unavailable("\(service) does not answer with JSON: is it Rollcall?")
        }
    }

    /// Deletes the resource of a URL.
    func delete(_ url: String) async throws {
        var request = HTTPClientRequest(url: url)
        request.method = .DELETE
        _ = try await answer(to: request, deadline: .now() + Self.lastRequestTimeout)
    }

    /// Opens a stream of events, after the event that `lastEventID` names.
    func stream(_ url: String, after lastEventID: String?) async throws -> HTTPClientResponse.Body {
        var request = HTTPClientRequest(url: url)
        request.headers.add(name: "accept", value: "text/event-stream")
        if let lastEventID { request.headers.add(name: "last-event-id", value: lastEventID) }
        let response = try await answer(to: request)
        guard response.headers.first(name: "content-type")?.hasPrefix("text/event-stream") == true else {
            throw ProgramError.refused("\(service) does not answer with a stream of events: is it Rollcall?")
        }
        return response.body
    }

    /// Sends a request.
    ///
    /// Throws `refused` with the problem's own text at 4xx, `unavailable` at 429, 5xx or without an answer.
    private func answer(
        to request: HTTPClientRequest, deadline: NIODeadline = .distantFuture
    ) async throws -> HTTPClientResponse {
        var request = request
        if let authorization {
            request.headers.replaceOrAdd(name: "authorization", value: authorization)
        }
        let response: HTTPClientResponse
        do {
            response = try await http.execute(request, deadline: deadline)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw ProgramError.unavailable(
                "cannot reach \(service) (\(Self.reason(error))). `rollcall dev` starts a service on this machine; "
                    + "--url or \(ServiceURL.environmentName) names another.")
        }
        guard response.status.code >= 300 else { return response }
        let body = try? await response.body.collect(upTo: 1 << 20)
        let problem = body.flatMap { try? JSON(answer: Array($0.readableBytesView)) }
        let text = Self.sentence(of: problem) ?? "\(service) answered \(response.status)"
        // 429 passes by itself, like an outage.
        let isRefusal = response.status.code < 500 && response.status != .tooManyRequests
        throw isRefusal ? ProgramError.refused(text) : ProgramError.unavailable(text)
    }

    /// The sentence of a problem document: the detail of its first wrong field, else its own detail, else its title.
    static func sentence(of problem: JSON?) -> String? {
        let text =
            problem?["errors"]?.elements?.first?["detail"]?.string
            ?? problem?["detail"]?.string ?? problem?["title"]?.string
        return text.map(Terminal.harmless)
    }

    /// The check of the service's certificate by the authorities that the environment names, else by the system's.
    private static func trust(in environment: [String: String]) throws(ProgramError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        let authorities = NamedAuthorities(environment)
        guard let path = authorities.file ?? authorities.folder else { return tls }
        if let file = authorities.file {
            do throws(PEMFault) {
                _ = try PEMFile(file).certificates()
            } catch {
                throw .usage("SSL_CERT_FILE: the file \(file) \(error.cause).")
            }
        }
        tls.trustRoots = .file(path)
        return tls
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError where error == .connectTimeout: "it does not answer"
        case let error as HTTPClientError where error == .readTimeout: "it sends no more bytes"
        case let error as HTTPClientError where error == .deadlineExceeded: "it does not answer"
        case let error as HTTPClientError where error == .remoteConnectionClosed: "it closed the connection"
        case let error as NIOConnectionError where error.dnsAError != nil && error.connectionErrors.isEmpty:
            "there is no host of that name"
        case let error as NIOConnectionError where !error.connectionErrors.isEmpty:
            Self.reason(error.connectionErrors[0].error)
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: Self.reason(ofTLS: "\(error)")
        default: "\(error)"
        }
    }

    private static func reason(ofTLS text: String) -> String {
        text.contains("CERTIFICATE_VERIFY_FAILED")
            ? "no trusted authority signed its certificate, or it has expired; SSL_CERT_FILE names other authorities"
            : "TLS: \(text)"
    }
}

extension JSON {
    /// Reads an answer of a service; an older version may send deeper metas, and texts that are not valid Unicode.
    init(answer: [UInt8]) throws(InputError) {
        try self.init(parsing: answer, maximumDepth: Limits.answerDepth, isStrict: false)
    }
}
